-- When the page that goes on behind a remembered place was given. After a while, or when another walk begins, whoever asks
-- for that index jumps there.
ALTER TABLE index_walks ADD COLUMN used_at timestamptz;
