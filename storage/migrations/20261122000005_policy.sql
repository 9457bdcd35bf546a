-- What the law fixes, as rows with the date they take effect and their source. Channels are seeded until they are notified (para 4).
CREATE TABLE policy_rows (
    rule           text NOT NULL,                       -- nesie_domain::limits::LimitRule
    value          numeric NOT NULL,
    effective_from date NOT NULL,
    source         text NOT NULL,
    PRIMARY KEY (rule, effective_from)
);
CREATE TABLE disclosure_texts (
    kind           text NOT NULL CHECK (kind IN ('rules', 'rights')),
    version        text NOT NULL,
    effective_from date NOT NULL,
    content        text NOT NULL,
    PRIMARY KEY (kind, version)
);
CREATE TABLE channels (
    code       text PRIMARY KEY,
    name       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('web_resource', 'mobile_application', 'terminal')),
    operations text[] NOT NULL,
    active_from timestamptz NOT NULL,
    source     text NOT NULL
);
INSERT INTO channels (code, name, kind, operations, active_from, source) VALUES
    ('web', 'Личный кабинет на интернет-ресурсе', 'web_resource', '{microcredit_account,microcredit_card,microcredit_merchant}', '2026-01-12T00:00:00+05', 'seeded until channel notices (paras 4, 5) exist'),
    ('mobile', 'Мобильное приложение', 'mobile_application', '{microcredit_account,microcredit_card,microcredit_merchant}', '2026-01-12T00:00:00+05', 'seeded until channel notices (paras 4, 5) exist');
INSERT INTO disclosure_texts (kind, version, effective_from, content) VALUES
    ('rules', '2026-01', '2026-01-12', 'Правила предоставления микрокредитов электронным способом. Микрокредит предоставляется после проверки клиента, ознакомления с условиями, выбора метода погашения, биометрической идентификации и подписания договора электронной цифровой подписью. Деньги переводятся на счет или карту, принадлежащие клиенту, либо на счет продавца товаров, работ, услуг, с которым у организации заключен договор.'),
    ('rights', '2026-01', '2026-01-12', 'Заемщик вправе ознакомиться с правилами и тарифами, получить проекты графиков погашения, рассчитанных различными методами, и выбрать один из них, досрочно погасить микрокредит без неустойки, обратиться с письменным заявлением и получить ответ, установить добровольный отказ от получения микрокредитов. Заемщик обязан возвратить микрокредит и выплатить вознаграждение в сроки и порядке, установленные договором.');
-- limits: rows are inserted by the migrate command from nesie_domain::limits (one source), ON CONFLICT DO NOTHING.
