"""Registers the explorer with Airflow: an app mounted at `/carlos`, and the page "CARLoS" in the navigation."""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from carlos_explorer.app import app


class CarlosPlugin(AirflowPlugin):
    """The pages of CARLoS in Airflow's web server."""

    name = "carlos"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app, "url_prefix": "/carlos", "name": "CARLoS explorer"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "CARLoS",
            "href": "carlos/",
            "url_route": "carlos",
            "destination": "nav",
            "nav_top_level": True,
            "icon": "carlos/static/icon.svg",
            "icon_dark_mode": "carlos/static/icon-dark.svg",
        }
    ]
