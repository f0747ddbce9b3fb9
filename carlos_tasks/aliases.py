"""Short names for what every layer passes on: rows and JSON. Arrays have theirs in `carlos_tasks.arrays`.

They are apart so that a command that has no array starts without numpy.
"""

from typing import Any, TypeAlias

#: A row of a table, by column name.
Row: TypeAlias = dict[str, Any]
#: An object of JSON.
Json: TypeAlias = dict[str, Any]
