//! Standing orders: tasks that are run whenever the clock says so. EventBridge Scheduler gives them; here time goes on for
//! tasks, so here they are carried out, each at its time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::scheduler::Timetable;
use super::super::service::Context;
use super::{Answer, Ecs, refuse, text};

/// So many times of one order are made up for at once: the newest.
const MOST: usize = 100;

/// A standing order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Standing {
    timetable: Timetable,
    /// The request that runs its tasks.
    task: Value,
    /// When it is due next; none if never again.
    next: Option<i64>,
}

impl Ecs {
    pub(super) fn put_standing_order(&mut self, body: &Value, context: &Context) -> Answer {
        let timetable = body.get("timetable").cloned().unwrap_or_default();
        let timetable: Result<Timetable, _> = serde_json::from_value(timetable);
        let (Some(name), Ok(timetable)) = (text(body, "name"), timetable) else {
            return refuse(
                "InvalidParameterException",
                "A standing order has a name and a timetable.",
            );
        };
        let after = body.get("after").and_then(Value::as_i64).unwrap_or(context.now);
        let order = Standing {
            next: timetable.next(after),
            timetable,
            task: body.get("task").cloned().unwrap_or_default(),
        };
        self.standing.insert(name.to_owned(), order);
        self.carry_out(context);
        Ok(json!({}))
    }

    pub(super) fn drop_standing_order(&mut self, body: &Value) -> Answer {
        self.standing.remove(text(body, "name").unwrap_or_default());
        Ok(json!({}))
    }

    /// Lets go of what is due by now and too much to be made up for.
    pub(super) fn skip_orders(&mut self, context: &Context) {
        for order in self.standing.values_mut() {
            if let Some(next) = order.next.filter(|next| *next <= context.now) {
                let due = order.timetable.newest(next - 1, context.now, MOST);
                order.next = due.first().copied().or(order.next);
            }
        }
    }

    /// When the next order is due.
    pub(super) fn next_order(&self) -> Option<i64> {
        self.standing.values().filter_map(|order| order.next).min()
    }

    /// Runs the tasks that are due by the time that has come. What is refused is not tried again.
    pub(super) fn carry_out(&mut self, context: &Context) {
        while let Some((at, name)) = self.due() {
            let Some(order) = self.standing.get_mut(&name) else {
                return;
            };
            order.next = order.timetable.next(at);
            let task = order.task.clone();
            let then = Context {
                now: at,
                ..context.clone()
            };
            let _ = self.run_task(&task, &then);
            self.moved = true;
        }
    }

    /// The order that has been due for the longest.
    fn due(&self) -> Option<(i64, String)> {
        let orders = self.standing.iter();
        let due = orders.filter_map(|(name, order)| Some((order.next.filter(|at| *at <= self.now)?, name)));
        due.min().map(|(at, name)| (at, name.clone()))
    }
}
