"""The PDF of a page, by WeasyPrint. It reads nothing but the page: no file, no network."""

import hashlib
import logging
from functools import cache
from typing import Any

from carlos_tasks.errors import CarlosError


def pdf_of(html: str) -> tuple[bytes | None, str]:
    """Set a page for print.

    Args:
        html: complete in itself; its pictures are data URIs.

    Returns:
        The PDF, whose bytes follow from the page; or None, and what is missing.

    Raises:
        CarlosError: the page could not be set.
    """
    try:
        weasyprint = _weasyprint()
    except (ImportError, OSError) as exc:  # OSError: the wheel is there, the system's Pango is not
        what = "weasyprint" if isinstance(exc, ImportError) else "Pango"
        return None, f"{what} is not installed (pip install 'carlos-platform[reports]', apt-get install libpango-1.0-0)"
    from weasyprint.urls import URLFetcher

    page = weasyprint.HTML(string=html, url_fetcher=URLFetcher(allowed_protocols={"data"}))
    try:
        # The identifier would be drawn at random.
        pdf = page.write_pdf(pdf_identifier=hashlib.sha256(html.encode()).hexdigest()[:32].encode(), pdf_tags=True)
    except Exception as exc:  # a page of ours that cannot be set: say so in one line, whatever the library raised
        raise CarlosError(f"the PDF could not be made: {exc}") from exc
    return bytes(pdf), ""


@cache
def _weasyprint() -> Any:
    from PIL import ImageFile

    accepts_truncated = ImageFile.LOAD_TRUNCATED_IMAGES
    import weasyprint

    # WeasyPrint lets Pillow read broken pictures, in the whole process: pictures that are asked with must not be.
    ImageFile.LOAD_TRUNCATED_IMAGES = accepts_truncated
    # It warns of every property that print knows no use for.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    return weasyprint
