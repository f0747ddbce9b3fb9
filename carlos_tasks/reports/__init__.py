"""What the platform shows to people: the contact sheet, and the reports on moderation, attribution and transparency."""
