//! Parked steps: made visible with an explanation, and what a person decided on them (design invariant 7).
//! Never tries anything again by itself.

use nesie_domain::ids::Owner;
use nesie_storage::bodies::Decision as DecisionBody;
use nesie_storage::facts::{Actor, Fact, Move};
use nesie_storage::parked::{self, NewParkedStep};
use nesie_storage::pool;
use nesie_storage::screening::Decision;
use nesie_workflows::contract::{MATCH_BEFORE_PAYMENT, ParkInput, ResolveInput};
use serde_json::json;

use crate::World;
use crate::case::submitted;
use crate::failure::Failure;
use crate::{payment_match, remedy};

/// Why a step goes on that a likely match had parked, in words that everybody may read.
const CHECK_IS_OVER: &str = "Проверка завершена.";

/// Makes the failed step visible.
pub(crate) async fn park_step(world: &World, input: ParkInput) -> Result<(), Failure> {
    let fact = Fact {
        owner: input.owner,
        fact_key: &format!("parked:{}", input.parked_step_id),
        kind: "step_parked",
        details: json!({
            "parked_step_id": input.parked_step_id,
            "step": input.step,
            "occasion": input.occasion,
            "failure_code": public_code(&input.failure_code),
        }),
        at: input.at,
        actor: Actor::System,
        build: world.build,
        moves: Move::Stays,
        event: Some(match input.owner {
            Owner::Application(_) => "application.step_parked",
            Owner::Case(_) => "case.step_parked",
        }),
    };
    if let Some(mut transaction) = world.begin_with(fact).await? {
        let new = NewParkedStep {
            id: input.parked_step_id,
            owner: input.owner,
            step: &input.step,
            occasion: input.occasion.into(),
            provider: input.provider.as_deref(),
            failure_code: &input.failure_code,
            retry_is_safe: input.retry_is_safe,
            nothing_sent: input.nothing_sent,
            explanation: &explanation(&input),
            parked_at: input.at,
        };
        parked::insert(&mut transaction, &new).await?;
        pool::commit(transaction).await?;
    }
    Ok(())
}

/// Stores what was decided. Where compliance decided on the match that parked the step, the step's own decision follows
/// from that and is the system's: whoever may not learn of a list sees a retry and no word of why.
pub(crate) async fn resolve_parked_step(world: &World, input: ResolveInput) -> Result<(), Failure> {
    if input.decision.needs_two_people() {
        return remedy::resolve(world, &input).await;
    }
    let submitted = submitted::<DecisionBody>(world, input.owner, input.submission_id).await?;
    let on_match = submitted.body.match_id;
    let (actor, decided_by, reason) = match on_match {
        None => {
            let reason = submitted.body.reason.as_str();
            (submitted.actor_because(reason.to_owned()), submitted.submitted_by.as_str(), reason)
        }
        Some(_) => (Actor::System, "system", CHECK_IS_OVER),
    };
    let decision = input.decision.as_str();
    let fact = Fact {
        owner: input.owner,
        fact_key: &format!("parked:{}:decision", input.parked_step_id),
        kind: "parked_step_decided",
        details: json!({ "parked_step_id": input.parked_step_id, "decision": decision }),
        at: input.at,
        actor,
        build: world.build,
        moves: Move::Stays,
        event: None,
    };
    if let Some(mut transaction) = world.begin_with(fact).await? {
        let decided = Decision { decision, decided_by, reason, at: input.at };
        parked::decide(&mut transaction, input.owner, input.parked_step_id, &decided).await?;
        if let (Some(match_id), Owner::Application(id)) = (on_match, input.owner) {
            payment_match::decide(world, &mut transaction, id, match_id, &submitted, &input).await?;
        }
        pool::commit(transaction).await?;
    }
    Ok(())
}

/// The code as the timeline shows it, which the client sees too: a list must not be told of (AML law art. 11).
fn public_code(code: &str) -> &str {
    if code.starts_with("aml.") { "check.waits" } else { code }
}

/// What happened and what can be done, for operations.
fn explanation(input: &ParkInput) -> String {
    let what = match input.failure_code.as_str() {
        "provider.unreachable" => "Провайдер недоступен или оборвал соединение.",
        "provider.timed_out" => "Провайдер не ответил вовремя.",
        "provider.server_error" => "Провайдер отвечает ошибкой сервера.",
        "provider.asks_to_wait" => "Провайдер просит повторить запрос позже.",
        "provider.request_refused" => "Провайдер отказывается принимать запрос: проверьте доступ и договор.",
        "provider.unexpected_status" | "provider.unreadable" | "provider.too_large" => {
            "Ответ провайдера не соответствует его описанию; он не считается отрицательным ответом."
        }
        "provider.request_malformed" => "Провайдер считает запрос неверным; ничего не выполнено.",
        "provider.undetermined" => "Провайдер не может дать определенный ответ, например о статусе сертификата.",
        "bureau.voluntary_refusal_unknown" => {
            "Бюро не может сказать, установлен ли добровольный отказ; это не означает, что его нет."
        }
        "payments.ownership_unavailable" => "Провайдер не может сказать, принадлежит ли счет или карта клиенту.",
        "phones.unknown" => {
            "Ни база операторов, ни база eGov mobile не может сказать, чей это номер; это не означает, что он принадлежит клиенту."
        }
        "client.leak_unverified" => {
            "После проверок стало известно об утечке данных клиента. Деньги не отправлены: клиент должен пройти проверку по пункту 36."
        }
        "payment.not_found_without_deduplication" => {
            "Перевод мог быть отправлен, провайдер его не находит и не обещает дедупликации. Выясните у провайдера судьбу перевода по нашему номеру."
        }
        "payment.no_longer_permitted" => {
            "Перевод мог быть отправлен, провайдер его не находит, а проверка перед выплатой больше не проходит. Второй вызов не сделан. Выясните у провайдера судьбу перевода по нашему номеру."
        }
        "bureau.not_configured" => {
            "Кредитное бюро, которому дело обязано сообщить, больше не указано в настройках. Верните его в настройки."
        }
        "payment.pending_too_long" => "Провайдер слишком долго обрабатывает перевод.",
        MATCH_BEFORE_PAYMENT => {
            "После проверки перечень изменился, и появилось вероятное совпадение. Нужно решение комплаенс-службы по совпадению; после него шаг продолжится сам."
        }
        "aml.lists_missing" => "Перечни еще не загружены.",
        "aml.lists_stale" => {
            "Перечни давно не обновлялись: издатель не отвечает или изменил формат. Восстановите обновление перечней."
        }
        "step.timed_out" => "Шаг не уложился в отведенное время.",
        code if code.starts_with("storage.") => "Ошибка при записи в базу данных.",
        _ => "Шаг не удалось выполнить.",
    };
    let retry = if input.retry_is_safe {
        "Повтор безопасен: он пойдет под теми же ключами."
    } else {
        "Повтор сначала запросит статус; убедитесь, что он ничего не сделает дважды."
    };
    let fail = if input.may_fail {
        "Заявку можно завершить с освобождением зарезервированного."
    } else {
        "Завершить заявку нельзя: деньги могли быть переведены."
    };
    format!("{what} {retry} {fail}")
}
