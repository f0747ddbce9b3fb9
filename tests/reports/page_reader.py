"""Reads a page as a browser would, as far as the tests ask: elements, attributes, text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page:
    """What stands in a page: (tag, attributes) in order, and its text."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of a tag."""
        return [attributes for name, attributes in self.elements if name == tag]


def read_page(html: str) -> Page:
    """Parse a page."""
    page = Page()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            page.elements.append((tag, {name: value or "" for name, value in attrs}))

        def handle_data(self, data: str) -> None:
            page.text += data

    Reader().feed(html)
    return page


def is_harmless(page: Page) -> bool:
    """No script, no handler, nothing that a browser would fetch or follow by itself, and a policy that forbids it."""
    policy = [meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    addresses = [attributes.get("src") or attributes.get("href") or "" for _, attributes in page.elements]
    handlers = [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    forbidden = {"script", "iframe", "object", "embed", "link", "form", "base"} & {tag for tag, _ in page.elements}
    return (
        len(policy) == 1
        and policy[0]["content"].startswith("default-src 'none'; img-src data:;")
        and not handlers
        and not forbidden
        and all(address.startswith(("data:image/", "#")) for address in addresses if address)
    )
