"""The pages of CARLoS inside Airflow: how the index stands, what it refused, what each LoRA does.

app.py      routes, all of them behind Airflow's login, and the security headers
index.py    what the pages show, read from the lake
patience.py an answer in bounded time, though catalog or storage hang
templates/  Jinja2, always escaped;  static/  one style sheet and the icons, no script
"""
