"""A report as a folder: page, PDF, tables and a manifest; shared by every report."""
