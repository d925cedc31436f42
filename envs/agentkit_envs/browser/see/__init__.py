"""What a page is in words and pictures: from Playwright's snapshot to an observation and back."""
