"""The words that decisions and notices are written with.

Nothing heavy is imported here: the command line names them in its help.
"""

from typing import Literal, get_args

#: Decisions: they close a case, and stand until an appeal overturns them.
Decision = Literal["takedown", "restrict", "label", "no_action"]
#: Answers to an appeal.
Outcome = Literal["uphold", "overturn"]
Action = Literal[Decision, "comment", "assign", "skip", "appeal", Outcome]
Ground = Literal["illegal_content", "incompatible_content"]

NoticeCategory = Literal["ncii", "minors", "likeness", "copyright", "trademark", "hate", "violence", "other"]
SenderKind = Literal["user", "rights_holder", "trusted_flagger", "authority", "person_shown"]
#: What becomes of a file of statements that is sent to the transparency database.
SubmissionState = Literal["submitted", "accepted", "refused"]

DECISIONS: tuple[str, ...] = get_args(Decision)
#: Those that do something to the content: they need a ground.
ACTING: tuple[str, ...] = ("takedown", "restrict", "label")
OUTCOMES: tuple[str, ...] = get_args(Outcome)
ACTIONS: tuple[str, ...] = get_args(Action)
GROUNDS: tuple[str, ...] = get_args(Ground)
NOTICE_CATEGORIES: tuple[str, ...] = get_args(NoticeCategory)
SENDER_KINDS: tuple[str, ...] = get_args(SenderKind)
