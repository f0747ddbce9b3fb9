"""What the platform shows to people: the contact sheet, and later the reports."""
