//! Cron with six fields, as EventBridge writes it: days of the week from 1, and of the two kinds of days only one.
//!
//! "When the time shifts forward in Spring, your schedule invocation gets skipped if the cron expression falls on a
//! non-existent date and time. When the time shifts back in the Fall, your schedule runs only once and doesn't repeat its
//! invocation." (How can I adjust my Amazon EventBridge schedule for daylight saving?, AWS re:Post Knowledge Center)

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// What a field may be.
struct Field {
    least: i16,
    greatest: i16,
    names: &'static [&'static str],
}

const MINUTE: Field = numbers(0, 59);
const HOUR: Field = numbers(0, 23);
const DAY: Field = numbers(1, 31);
const MONTH: Field = Field {
    least: 1,
    greatest: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
const WEEKDAY: Field = Field {
    least: 1,
    greatest: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEAR: Field = numbers(1970, 2199);

const fn numbers(least: i16, greatest: i16) -> Field {
    Field {
        least,
        greatest,
        names: &[],
    }
}

/// An expression; every list in order.
pub(super) struct Cron {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Days,
    months: Vec<i8>,
    years: Vec<i16>,
}

enum Days {
    OfMonth(Vec<i8>),
    LastOfMonth,
    /// From Sunday, which is 1.
    OfWeek(Vec<i8>),
    /// What AWS takes and nothing here works out: `LW`, `15W`, `FRIL`, `6L`, `MON#2`.
    Never,
}

impl Cron {
    /// Reads what is between the brackets.
    pub(super) fn read(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, day, months, weekday, years] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            minutes: small(MINUTE.values(minutes)?),
            hours: small(HOUR.values(hours)?),
            days: match (*day, *weekday) {
                ("?", "?") => return None,
                ("?", weekday) => Days::of_week(weekday)?,
                (day, "?") => Days::of_month(day)?,
                _ => return None,
            },
            months: small(MONTH.values(months)?),
            years: YEAR.values(years)?,
        })
    }

    /// The first time after `after` by the clocks of `zone`.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if matches!(self.days, Days::Never) {
            return None;
        }
        let local = zone.to_datetime(after);
        let mut date = local.date();
        loop {
            let year = self.years.iter().copied().find(|year| *year >= date.year())?;
            if year > date.year() {
                date = Date::new(year, 1, 1).ok()?;
            } else if !self.months.contains(&date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
            } else {
                let found = self.days.has(date).then(|| self.on(date, local, after, zone)).flatten();
                if found.is_some() {
                    return found;
                }
                date = date.tomorrow().ok()?;
            }
        }
    }

    /// The first time of a day after `after`, which is `local` by the same clocks.
    fn on(&self, date: Date, local: DateTime, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        for hour in &self.hours {
            for minute in &self.minutes {
                let shown = date.at(*hour, *minute, 0, 0);
                if shown <= local {
                    continue;
                }
                let told = zone.to_ambiguous_timestamp(shown);
                if matches!(told.offset(), AmbiguousOffset::Gap { .. }) {
                    continue;
                }
                let found = told.earlier().ok().filter(|found| *found > after);
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }
}

impl Days {
    fn of_month(text: &str) -> Option<Self> {
        if text == "L" {
            return Some(Self::LastOfMonth);
        }
        if let Some(days) = DAY.values(text) {
            return Some(Self::OfMonth(small(days)));
        }
        let near = text.strip_suffix('W')?;
        (near == "L" || DAY.number(near).is_some()).then_some(Self::Never)
    }

    fn of_week(text: &str) -> Option<Self> {
        // The last day of the week.
        if text == "L" {
            return Some(Self::OfWeek(vec![7]));
        }
        if let Some(days) = WEEKDAY.values(text) {
            return Some(Self::OfWeek(small(days)));
        }
        let day = match text.split_once('#') {
            Some((day, nth)) => Some(day).filter(|_| matches!(nth, "1" | "2" | "3" | "4" | "5")),
            None => text.strip_suffix('L'),
        };
        WEEKDAY.number(day?).map(|_| Self::Never)
    }

    fn has(&self, date: Date) -> bool {
        match self {
            Self::OfMonth(days) => days.contains(&date.day()),
            Self::LastOfMonth => date == date.last_of_month(),
            Self::OfWeek(days) => days.contains(&date.weekday().to_sunday_one_offset()),
            Self::Never => false,
        }
    }
}

impl Field {
    /// What a field stands for, in order; none if it cannot be read.
    fn values(&self, text: &str) -> Option<Vec<i16>> {
        let mut values = Vec::new();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(number(step).filter(|step| *step > 0)?)),
                None => (part, None),
            };
            let (from, to) = match range.split_once('-') {
                Some((from, to)) => (self.number(from)?, self.number(to)?),
                None if range == "*" => (self.least, self.greatest),
                None => {
                    let from = self.number(range)?;
                    // A number with a step goes on from there.
                    (from, step.map_or(from, |_| self.greatest))
                }
            };
            if from > to {
                return None;
            }
            let step = usize::try_from(step.unwrap_or(1)).ok()?;
            values.extend((from..=to).step_by(step));
        }
        values.sort_unstable();
        values.dedup();
        Some(values)
    }

    fn number(&self, text: &str) -> Option<i16> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let named = named.and_then(|at| i16::try_from(at).ok()).map(|at| at + self.least);
        let found = named.or_else(|| number(text))?;
        (self.least..=self.greatest).contains(&found).then_some(found)
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<i16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

fn small(values: Vec<i16>) -> Vec<i8> {
    values
        .into_iter()
        .filter_map(|value| i8::try_from(value).ok())
        .collect()
}

#[cfg(test)]
mod tests;
