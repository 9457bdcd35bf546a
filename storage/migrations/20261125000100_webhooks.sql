-- Webhooks: events of the outbox on their way to the lender's own systems, one delivery an event and endpoint.

-- What happened before there were webhooks was for nobody; a replay of a time range can still send it.
UPDATE outbox SET delivered_at = occurred_at WHERE delivered_at IS NULL;
-- It says when an event was queued for every endpoint that wants it; whether it arrived stands with each delivery.
ALTER TABLE outbox RENAME COLUMN delivered_at TO fanned_out_at;
ALTER TABLE outbox ADD COLUMN event_id uuid NOT NULL DEFAULT gen_random_uuid();  -- the same in every repeat and replay
ALTER TABLE outbox ADD UNIQUE (event_id);
CREATE INDEX outbox_to_fan_out ON outbox (sequence) WHERE fanned_out_at IS NULL;
CREATE INDEX outbox_by_time ON outbox (occurred_at);

CREATE TABLE webhook_endpoints (
    id          uuid PRIMARY KEY,
    url         text NOT NULL,
    events      text[] NOT NULL CHECK (cardinality(events) > 0),   -- nesie_domain::webhook::EventPattern
    description text NOT NULL,
    created_by  text NOT NULL,                          -- issuer|subject of the token
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz,
    disabled_by text,
    CHECK ((disabled_at IS NULL) = (disabled_by IS NULL))
);
CREATE INDEX webhook_endpoints_page ON webhook_endpoints (created_at, id);

-- Sealed. One is current; the one before it stays valid until it expires, and both sign.
CREATE TABLE webhook_secrets (
    id            uuid PRIMARY KEY,
    endpoint_id   uuid NOT NULL REFERENCES webhook_endpoints (id),
    secret_sealed bytea NOT NULL,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz
);
CREATE UNIQUE INDEX webhook_secrets_current ON webhook_secrets (endpoint_id) WHERE expires_at IS NULL;

-- Delivery state is the relay's alone.
CREATE TABLE webhook_deliveries (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint_id     uuid NOT NULL REFERENCES webhook_endpoints (id),
    sequence        bigint NOT NULL REFERENCES outbox (sequence),
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'exhausted')),
    round           integer NOT NULL DEFAULT 0,         -- one more with each replay
    attempts        integer NOT NULL DEFAULT 0,         -- begun in this round
    queued_at       timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    claim           uuid,                               -- the attempt under way
    claimed_until   timestamptz,                        -- after it, whoever made the claim is taken for dead
    ended_at        timestamptz,
    UNIQUE (endpoint_id, sequence),
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    CHECK ((claim IS NULL) = (claimed_until IS NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_exhausted ON webhook_deliveries (endpoint_id) WHERE state = 'exhausted';
CREATE INDEX webhook_deliveries_page ON webhook_deliveries (endpoint_id, queued_at DESC, id DESC);

-- The delivery log: every attempt that ended, never a body.
CREATE TABLE webhook_attempts (
    delivery_id  uuid NOT NULL REFERENCES webhook_deliveries (id),
    round        integer NOT NULL,
    number       integer NOT NULL,
    attempted_at timestamptz NOT NULL,
    milliseconds bigint NOT NULL,
    status       integer,                               -- of HTTP, where there was an answer
    failure      text,                                  -- a class of ours; null: delivered
    PRIMARY KEY (delivery_id, round, number)
);

-- What operations asked to be sent again; the relay carries it out, a batch after the other.
CREATE TABLE webhook_replays (
    id             uuid PRIMARY KEY,
    endpoint_id    uuid NOT NULL REFERENCES webhook_endpoints (id),
    event_id       uuid REFERENCES outbox (event_id),   -- one event, or else those of a range of time
    from_at        timestamptz,
    to_at          timestamptz,
    requested_by   text NOT NULL,
    reason         text NOT NULL,
    requested_at   timestamptz NOT NULL,
    after_sequence bigint NOT NULL DEFAULT 0,           -- how far the relay is
    replayed       bigint NOT NULL DEFAULT 0,
    finished_at    timestamptz,
    CHECK ((event_id IS NULL) = (from_at IS NOT NULL AND to_at IS NOT NULL AND from_at < to_at))
);
CREATE INDEX webhook_replays_to_do ON webhook_replays (requested_at) WHERE finished_at IS NULL;

GRANT SELECT, INSERT ON webhook_endpoints, webhook_secrets, webhook_deliveries, webhook_attempts, webhook_replays TO nesie_app;
GRANT UPDATE (disabled_at, disabled_by) ON webhook_endpoints TO nesie_app;
GRANT UPDATE (expires_at) ON webhook_secrets TO nesie_app;
GRANT UPDATE (state, round, attempts, next_attempt_at, claim, claimed_until, ended_at) ON webhook_deliveries TO nesie_app;
GRANT UPDATE (after_sequence, replayed, finished_at) ON webhook_replays TO nesie_app;
