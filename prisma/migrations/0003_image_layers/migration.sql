-- What an image is made of, as its runtime tells it: "what contains this layer, and where does it run".
ALTER TABLE images ADD COLUMN layers digest_text[] NOT NULL DEFAULT '{}';
