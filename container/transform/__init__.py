"""The verb `forecastle transform`."""
