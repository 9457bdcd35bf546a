-- What a report said, as a keyed hash: another report under the same natural key that says something else is no repeat.
ALTER TABLE cases ADD COLUMN content_index bytea;
