-- A transfer may be parked before anything was sent: then, and only then, it can be given up (docs/decisions/0008).
ALTER TABLE parked_steps ADD COLUMN nothing_sent boolean NOT NULL DEFAULT false;
