"""The mail and the Slack message of an invented lead, as pages that a browser can open."""

from __future__ import annotations

from gateway.destinations.slack_drawing import page as drawn
from tests.builders import LEADS
from tests.unit.test_golden_mail import mail, part
from tests.unit.test_golden_slack import MESSAGE, team


def pages(category: str, lead: str) -> dict[str, str]:
    """Both, by name; ``lead`` is one of :data:`tests.builders.LEADS`."""
    message = team().render(LEADS[lead](category), MESSAGE)
    return {
        "mail": part(mail(category, lead, "fr"), "html"),
        "slack": drawn(message.payload),
    }
