-- Where a session was last refreshed from, and how often its previous token was repeated from elsewhere.
ALTER TABLE sessions ADD COLUMN network TEXT NOT NULL DEFAULT ''; -- a keyed hash of the network; '' before the first refresh
ALTER TABLE sessions ADD COLUMN foreign_repeats INTEGER NOT NULL DEFAULT 0;
