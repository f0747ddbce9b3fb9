"""What came from strangers: text and JSON made safe, and the reasons for which a file is refused."""
