//! When a schedule is due.
//!
//! From "Schedule types in EventBridge Scheduler", Amazon EventBridge Scheduler User Guide: a rate begins with its start
//! date, or at once if it has none; a day is 24 hours of it, whatever the clocks do.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::cron::Cron;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// The form of what is in `at(…)`.
const ONCE: &str = "0000-00-00T00:00:00";

/// A schedule's times; all moments in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Timetable {
    pub(super) expression: String,
    /// Where the clock hangs that it goes by.
    pub(super) zone: String,
    /// From when on, and until when. What is due once minds neither.
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    /// When the schedule was made.
    pub(super) made: i64,
}

enum Expression {
    Once(DateTime),
    /// So many milliseconds after the last time.
    Every(i64),
    Cron(Cron),
}

impl Timetable {
    /// The first time after `after`.
    pub(in crate::sandbox) fn next(&self, after: i64) -> Option<i64> {
        let (expression, zone) = self.read()?;
        self.following(&expression, &zone, after)
    }

    /// The newest times after `after` and until `now`, at most `most`, the oldest first.
    pub(in crate::sandbox) fn newest(&self, after: i64, now: i64, most: usize) -> Vec<i64> {
        let Some((expression, zone)) = self.read() else {
            return Vec::new();
        };
        // Looks back further and further: there may be a few in a year, or millions.
        let mut back = HOUR;
        loop {
            let begin = after.max(now.saturating_sub(back));
            let mut found = Vec::new();
            let mut last = begin;
            while let Some(next) = self.following(&expression, &zone, last).filter(|next| *next <= now) {
                found.push(next);
                last = next;
            }
            if begin == after || found.len() >= most {
                return found.split_off(found.len().saturating_sub(most));
            }
            back = back.saturating_mul(4);
        }
    }

    /// Whether it will never be due again because its last time was the last.
    pub(super) fn is_over(&self, now: i64) -> bool {
        match self.read() {
            Some((Expression::Once(at), zone)) => moment_of(at, &zone).is_some_and(|at| at <= now),
            _ => self.until.is_some_and(|until| until <= now),
        }
    }

    /// Whether an expression is one of a single time.
    pub(super) fn is_once(expression: &str) -> bool {
        matches!(Expression::read(expression), Some(Expression::Once(_)))
    }

    fn read(&self) -> Option<(Expression, TimeZone)> {
        let zone = TimeZone::get(&self.zone).ok()?;
        Some((Expression::read(&self.expression)?, zone))
    }

    fn following(&self, expression: &Expression, zone: &TimeZone, after: i64) -> Option<i64> {
        let found = match expression {
            Expression::Once(at) => return moment_of(*at, zone).filter(|at| *at > after),
            Expression::Every(millis) => {
                let first = self.from.unwrap_or(self.made);
                match after < first {
                    true => first,
                    false => first + ((after - first) / millis + 1) * millis,
                }
            }
            Expression::Cron(cron) => {
                let after = self.from.map_or(after, |from| after.max(from - 1));
                cron.next(Timestamp::from_millisecond(after).ok()?, zone)?
                    .as_millisecond()
            }
        };
        self.until.is_none_or(|until| found < until).then_some(found)
    }
}

impl Expression {
    fn read(text: &str) -> Option<Self> {
        let (kind, inside) = text.strip_suffix(')')?.split_once('(')?;
        match kind {
            "at" => once(inside).map(Self::Once),
            "rate" => rate(inside).map(Self::Every),
            "cron" => Cron::read(inside).map(Self::Cron),
            _ => None,
        }
    }
}

/// Whether AWS takes an expression.
pub(super) fn is_valid(expression: &str) -> bool {
    expression.len() <= 256 && Expression::read(expression).is_some()
}

/// Whether there is a time zone of that name.
pub(super) fn is_zone(zone: &str) -> bool {
    zone.len() <= 50 && TimeZone::get(zone).is_ok_and(|zone| !zone.is_unknown())
}

fn once(text: &str) -> Option<DateTime> {
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    let is_formed = text.len() == ONCE.len() && text.bytes().zip(ONCE.bytes()).all(fits);
    text.parse().ok().filter(|_| is_formed)
}

fn rate(text: &str) -> Option<i64> {
    let (number, unit) = text.split_once(' ')?;
    let number = i64::from(number.parse::<u32>().ok().filter(|_| !number.starts_with('+'))?);
    let length = match (number, unit) {
        (1, "minute") | (2.., "minutes") => MINUTE,
        (1, "hour") | (2.., "hours") => HOUR,
        (1, "day") | (2.., "days") => 24 * HOUR,
        _ => return None,
    };
    Some(number * length)
}

/// The moment at which a clock shows this. Of two that do it is the first; a time that it leaps over comes after the leap.
fn moment_of(at: DateTime, zone: &TimeZone) -> Option<i64> {
    let moment = zone.to_ambiguous_timestamp(at).compatible().ok()?;
    Some(moment.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn table(expression: &str, zone: &str) -> Timetable {
        Timetable {
            expression: expression.to_owned(),
            zone: zone.to_owned(),
            from: None,
            until: None,
            made: millis("2026-11-26T08:00:00Z"),
        }
    }

    #[test]
    fn expressions_are_as_aws_takes_them() {
        for valid in [
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(1 hour)",
            "rate(12 hours)",
            "rate(1 day)",
            "rate(30 days)",
            "at(2030-01-31T12:00:00)",
            "at(2022-12-12T00:00:00)",
            "cron(0 12 * * ? *)",
        ] {
            assert!(is_valid(valid), "{valid}");
        }
        for refused in [
            "",
            "rate()",
            "rate(10)",
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(2 minute)",
            "rate(-10 minutes)",
            "rate(+10 minutes)",
            "rate( 10 minutes )",
            " rate(10 minutes)",
            "rate(10 seconds)",
            "rate(10 minutess)",
            "rate(foo minutes)",
            "at(2021-12-31T23:59:59Z)",
            "at(2021-12-31)",
            "at(2021-12-31 23:59:59)",
            "at(2021-02-30T12:00:00)",
            "at(20240601T120000.123)",
            "every(5 minutes)",
            "cron(0 12 * * ? *",
        ] {
            assert!(!is_valid(refused), "{refused}");
        }
        assert!(is_zone("Europe/Berlin") && is_zone("UTC") && is_zone("Etc/UTC"));
        assert!(!is_zone("Europe/Atlantis") && !is_zone("Etc/Unknown") && !is_zone(""));
    }

    #[test]
    fn a_rate_begins_with_its_start_or_at_once_and_ends() {
        let made = millis("2026-11-26T08:00:00Z");
        let mut every = table("rate(2 hours)", "UTC");
        assert_eq!(every.next(made - 1), Some(made));
        assert_eq!(every.next(made), Some(millis("2026-11-26T10:00:00Z")));
        assert_eq!(
            every.next(millis("2026-11-26T13:59:59Z")),
            Some(millis("2026-11-26T14:00:00Z"))
        );
        every.from = Some(millis("2026-11-26T09:30:00Z"));
        every.until = Some(millis("2026-11-26T13:30:00Z"));
        assert_eq!(every.next(made), every.from);
        assert_eq!(
            every.next(millis("2026-11-26T10:00:00Z")),
            Some(millis("2026-11-26T11:30:00Z"))
        );
        assert_eq!(every.next(millis("2026-11-26T11:30:00Z")), None);
        assert!(!every.is_over(made) && every.is_over(millis("2026-11-26T13:30:00Z")));
    }

    #[test]
    fn what_is_due_once_goes_by_the_clock_of_its_zone() {
        let once = table("at(2027-07-01T09:00:00)", "Europe/Berlin");
        let due = millis("2027-07-01T07:00:00Z");
        assert_eq!(once.next(once.made), Some(due));
        assert_eq!(once.next(due), None);
        assert!(!once.is_over(due - 1) && once.is_over(due));
    }

    #[test]
    fn cron_keeps_between_its_dates() {
        let mut nightly = table("cron(15 2 * * ? *)", "UTC");
        nightly.from = Some(millis("2026-12-24T02:15:00Z"));
        nightly.until = Some(millis("2026-12-25T02:15:00Z"));
        assert_eq!(nightly.next(nightly.made), nightly.from);
        assert_eq!(nightly.next(millis("2026-12-24T02:15:00Z")), None);
    }

    #[test]
    fn of_many_the_newest_are_found() {
        let now = millis("2027-11-26T08:00:30Z");
        let made = millis("2026-11-26T08:00:00Z");
        let found = table("cron(* * * * ? *)", "UTC").newest(made, now, 100);
        assert_eq!(found.len(), 100);
        assert_eq!(found.last(), Some(&millis("2027-11-26T08:00:00Z")));
        assert_eq!(found.first(), Some(&millis("2027-11-26T06:21:00Z")));
        let found = table("cron(0 0 1 * ? *)", "UTC").newest(made, now, 100);
        assert_eq!(found.len(), 12);
        assert_eq!(found.first(), Some(&millis("2026-12-01T00:00:00Z")));
        assert!(table("rate(1 day)", "UTC").newest(made, made + 1, 100).is_empty());
    }
}
