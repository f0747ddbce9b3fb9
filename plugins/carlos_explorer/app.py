"""The explorer's routes. None answers without Airflow's login, and none needs a script in the page.

The login is a dependency of the whole app, and the last route takes every path and method that no other one took:
so an unknown path asks for the login as well, and static files are served by a route instead of a mount.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader
from starlette.exceptions import HTTPException as AnyHTTPException

from carlos_explorer import index
from carlos_explorer.patience import in_time
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.settings import load_settings

HERE = Path(__file__).parent
STATIC = {"explorer.css": "text/css", "icon.svg": "image/svg+xml", "icon-dark.svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
REFUSALS = {
    401: ("Your login has ended", "Reload the whole page of Airflow, and log in again."),
    403: (
        "You may not see this",
        "Your login is not valid for it. Reload the whole page of Airflow, and log in again.",
    ),
    404: ("There is nothing here", "The page, or what it shows, does not exist (yet)."),
    422: ("This address makes no sense", "Go back, and follow a link instead."),
}
ProfileId = Annotated[str, PathParameter(pattern="^[0-9a-f]{8,64}$")]

app = FastAPI(
    title="CARLoS explorer",
    dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
)
pages = Jinja2Templates(env=Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True))
pages.env.filters["figure"] = lambda value: "–" if value is None else f"{value:.3g}"
pages.env.filters["moment"] = lambda value: "–" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


@app.middleware("http")
async def secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Send the security headers with every answer, refusals included."""
    answer = await call_next(request)
    answer.headers.update(HEADERS)
    return answer


@app.exception_handler(CarlosError)
def unreadable(request: Request, exc: CarlosError) -> Response:
    """A page that says why the lake cannot be read; such texts hold no secrets."""
    return pages.TemplateResponse(request, "problem.html", {"problem": str(exc)}, status_code=503)


@app.exception_handler(AnyHTTPException)
async def refused(request: Request, exc: AnyHTTPException) -> Response:
    """A page for a browser, JSON for a program. There is no redirect to the login: it would stand inside Airflow."""
    return _refusal(request, exc.status_code, exc.headers) or await http_exception_handler(request, exc)


@app.exception_handler(RequestValidationError)
async def senseless(request: Request, exc: RequestValidationError) -> Response:
    """The same for an address whose parts are wrong."""
    return _refusal(request, 422) or await request_validation_exception_handler(request, exc)


@app.get("/")
def overview(request: Request) -> Response:
    """How the index stands."""
    return _page(
        request, "overview.html", index=in_time(lambda: index.overview(load_settings())), statuses=index.STATUSES
    )


@app.get("/profiles/{profile_id}/loras")
def loras(
    request: Request,
    profile_id: ProfileId,
    status: Annotated[str | None, Query(pattern="^[a-z_]{1,20}$")] = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """The LoRAs of a profile: status, strength, consistency."""
    rows = in_time(lambda: index.loras(load_settings(), profile_id, status, page))
    shown, has_next = rows[: index.LORAS_PER_PAGE], len(rows) > index.LORAS_PER_PAGE
    values: dict[str, Any] = {"profile_id": profile_id, "status": status, "page": page, "has_next": has_next}
    return _page(request, "loras.html", loras=shown, statuses=index.STATUSES, **values)


@app.get("/profiles/{profile_id}/contact-sheet.png")
def contact_sheet(profile_id: ProfileId) -> Response:
    """The picture of what each LoRA does."""
    try:
        sheet = in_time(lambda: index.contact_sheet(load_settings(), profile_id))
        return Response(sheet, media_type="image/png")
    except NotFound as exc:
        raise HTTPException(404, "no contact sheet has been drawn yet") from exc


@app.get("/static/{name}")
def static(name: str) -> Response:
    """The style sheet and the icons."""
    if name not in STATIC:
        raise HTTPException(404)
    return FileResponse(HERE / "static" / name, media_type=STATIC[name])


@app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def nothing(path: str) -> Response:
    """Every other path: not there, and only a logged-in user is told so."""
    raise HTTPException(404)


def _page(request: Request, template: str, **values: Any) -> Response:
    return pages.TemplateResponse(request, template, {"profile": load_settings().profile, **values})


def _refusal(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response | None:
    """A page for a browser; None for whoever does not ask for one. It shows nothing that a login protects."""
    if status not in REFUSALS or "text/html" not in request.headers.get("accept", ""):
        return None
    title, advice = REFUSALS[status]
    values = {"title": title, "advice": advice, "is_logged_in": status not in {401, 403}}
    return pages.TemplateResponse(request, "refusal.html", values, status_code=status, headers=headers)
