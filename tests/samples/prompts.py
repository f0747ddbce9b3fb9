"""Prompts in the layout of the published ones: by use, category and subcategory. The texts are ours."""

DOCUMENT: dict[str, dict[str, dict[str, list[str]]]] = {
    "indexing": {
        "Weather": {
            "Rain and Snow": ["a tram stop in heavy sleet", "an umbrella seller waiting for rain"],
            "Wind": ["washing that blows across a narrow lane", "a kite stuck in a leafless poplar"],
        },
        "Tools": {"In a Workshop": ["a vice holding a cracked bicycle frame", "chisels laid out by size on felt"]},
    },
    "retrieval": {
        "Weather": {"Rain and Snow": ["slush on the steps of a library"], "Wind": ["a flag torn in two by a gale"]},
        "Tools": {"In a Workshop": ["a lathe under a tarpaulin", "a soldering iron beside cold coffee"]},
    },
}
