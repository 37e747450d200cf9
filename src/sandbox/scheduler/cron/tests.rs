//! What is due when, and what is refused.

use super::*;

/// What comes after a moment, one after the other.
fn follows(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    let cron = Cron::read(expression).unwrap();
    let zone = TimeZone::get(zone).unwrap();
    let mut after: Timestamp = after.parse().unwrap();
    for wanted in expected {
        let next = cron.next(after, &zone).unwrap();
        assert_eq!(next.to_string(), *wanted, "{expression} after {after}");
        after = next;
    }
}

#[test]
fn times_follow_one_another() {
    for (expression, after, expected) in [
        (
            "15 2 * * ? *",
            "2026-11-26T03:00:00Z",
            ["2026-11-27T02:15:00Z", "2026-11-28T02:15:00Z"],
        ),
        // At the moment itself it is not due again.
        (
            "15 2 * * ? *",
            "2026-11-26T02:15:00Z",
            ["2026-11-27T02:15:00Z", "2026-11-28T02:15:00Z"],
        ),
        (
            "15 2 * * ? *",
            "2026-11-26T02:14:59.999Z",
            ["2026-11-26T02:15:00Z", "2026-11-27T02:15:00Z"],
        ),
        // Sunday is 1.
        (
            "0 9 ? * 1 *",
            "2026-11-26T00:00:00Z",
            ["2026-11-29T09:00:00Z", "2026-12-06T09:00:00Z"],
        ),
        (
            "0 9 ? * 2 *",
            "2026-11-26T00:00:00Z",
            ["2026-11-30T09:00:00Z", "2026-12-07T09:00:00Z"],
        ),
        (
            "0 9 ? * 7,1 *",
            "2026-11-26T00:00:00Z",
            ["2026-11-28T09:00:00Z", "2026-11-29T09:00:00Z"],
        ),
        (
            "0 9 ? * SUN,SAT *",
            "2026-11-26T00:00:00Z",
            ["2026-11-28T09:00:00Z", "2026-11-29T09:00:00Z"],
        ),
        (
            "0 9 ? * MON-FRI *",
            "2026-11-27T08:00:00Z",
            ["2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z"],
        ),
        (
            "0 9 ? * L *",
            "2026-11-26T00:00:00Z",
            ["2026-11-28T09:00:00Z", "2026-12-05T09:00:00Z"],
        ),
        (
            "0 9 ? * * *",
            "2026-11-26T10:00:00Z",
            ["2026-11-27T09:00:00Z", "2026-11-28T09:00:00Z"],
        ),
        // Lists, ranges and steps.
        (
            "0/20 8-10/2 * * ? *",
            "2026-11-26T08:20:00Z",
            ["2026-11-26T08:40:00Z", "2026-11-26T10:00:00Z"],
        ),
        (
            "0/20 8-10/2 * * ? *",
            "2026-11-26T10:20:00Z",
            ["2026-11-26T10:40:00Z", "2026-11-27T08:00:00Z"],
        ),
        (
            "50,10 12 * * ? *",
            "2026-11-26T00:00:00Z",
            ["2026-11-26T12:10:00Z", "2026-11-26T12:50:00Z"],
        ),
        (
            "40/10 0 * * ? *",
            "2026-11-26T12:00:00Z",
            ["2026-11-27T00:40:00Z", "2026-11-27T00:50:00Z"],
        ),
        (
            "*/30 * * * ? *",
            "2026-11-26T12:10:00Z",
            ["2026-11-26T12:30:00Z", "2026-11-26T13:00:00Z"],
        ),
        (
            "0 0 1 jan,7 ? *",
            "2026-11-26T00:00:00Z",
            ["2027-01-01T00:00:00Z", "2027-07-01T00:00:00Z"],
        ),
        // Ends of months.
        (
            "0 0 L * ? *",
            "2027-01-31T00:00:00Z",
            ["2027-02-28T00:00:00Z", "2027-03-31T00:00:00Z"],
        ),
        (
            "0 0 31 * ? *",
            "2027-01-31T00:00:00Z",
            ["2027-03-31T00:00:00Z", "2027-05-31T00:00:00Z"],
        ),
        (
            "0 0 29 2 ? *",
            "2026-11-26T00:00:00Z",
            ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"],
        ),
        // Years.
        (
            "0 0 1 JAN ? 2030-2031",
            "2026-11-26T00:00:00Z",
            ["2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"],
        ),
        (
            "59 23 31 12 ? 2199,2027",
            "2026-11-26T00:00:00Z",
            ["2027-12-31T23:59:00Z", "2199-12-31T23:59:00Z"],
        ),
    ] {
        follows(expression, "UTC", after, &expected);
    }
}

#[test]
fn clocks_that_are_put_on_skip_and_clocks_that_are_put_back_repeat_nothing() {
    for (expression, after, expected) in [
        // Nine o'clock, in winter and in summer.
        (
            "0 9 * * ? *",
            "2027-03-27T00:00:00Z",
            ["2027-03-27T08:00:00Z", "2027-03-28T07:00:00Z"],
        ),
        // On 28 March there is no half past two.
        (
            "30 2 * * ? *",
            "2027-03-26T12:00:00Z",
            ["2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"],
        ),
        (
            "0 * * * ? *",
            "2027-03-27T23:30:00Z",
            ["2027-03-28T00:00:00Z", "2027-03-28T01:00:00Z"],
        ),
        // On 31 October there are two.
        (
            "30 2 * * ? *",
            "2027-10-30T12:00:00Z",
            ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"],
        ),
        (
            "30 2 * * ? *",
            "2027-10-31T01:00:00Z",
            ["2027-11-01T01:30:00Z", "2027-11-02T01:30:00Z"],
        ),
        (
            "*/15 * * * ? *",
            "2027-10-31T00:30:00Z",
            ["2027-10-31T00:45:00Z", "2027-10-31T02:00:00Z"],
        ),
        (
            "*/15 * * * ? *",
            "2027-10-31T01:20:00Z",
            ["2027-10-31T02:00:00Z", "2027-10-31T02:15:00Z"],
        ),
    ] {
        follows(expression, "Europe/Berlin", after, &expected);
    }
    // The day begins earlier than in UTC.
    follows(
        "30 0 1 * ? *",
        "Asia/Tokyo",
        "2026-11-26T00:00:00Z",
        &["2026-11-30T15:30:00Z"],
    );
}

#[test]
fn some_are_never_due() {
    let never = |expression: &str| {
        let cron = Cron::read(expression).unwrap();
        let after = "2026-11-26T00:00:00Z".parse().unwrap();
        assert_eq!(cron.next(after, &TimeZone::UTC), None, "{expression}");
    };
    for expression in ["0 0 30 2 ? *", "0 0 1 1 ? 2026", "0 0 1 1 ? 1970-2000"] {
        never(expression);
    }
    // AWS takes these, and they are not worked out here.
    for expression in [
        "0 0 15W * ? *",
        "0 0 LW * ? *",
        "0 0 ? * 6L *",
        "0 0 ? * FRIL *",
        "0 0 ? * MON#2 *",
        "0 0 ? * 2#1 *",
    ] {
        never(expression);
    }
}

#[test]
fn only_what_aws_takes_is_read() {
    for valid in [
        "0-15/1 8-8 ? * 2,3,4,5,6,7 *",
        "30-30 13-13 ? * 2,4,6 *",
        "1-31/30 1-1 ? * 1,7 *",
        "0  12  *  *  ?  *",
    ] {
        assert!(Cron::read(valid).is_some(), "{valid}");
    }
    for refused in [
        "",
        "INVALID",
        "0 1 * * *",
        "0 1 * * * *",
        "0 1 ? * ? *",
        "0 1 1 * MON *",
        "7 20 * * NOT *",
        "0 dummy ? * MON-FRI *",
        "71 8 1 * ? *",
        "60 8 1 * ? *",
        "0 24 1 * ? *",
        "0 8 0 * ? *",
        "0 8 32 * ? *",
        "0 8 1 13 ? *",
        "0 8 ? * 0 *",
        "0 8 ? * 8 *",
        "0 8 ? * MON#6 *",
        "0 8 ? * 2W *",
        "0 8 1L * ? *",
        "0 8 1 * ? 1969",
        "0 8 1 * ? 2200",
        "0/0 8 1 * ? *",
        "5, 8 1 * ? *",
        "+5 8 1 * ? *",
        "9-5 8 1 * ? *",
        "? 8 1 * ? *",
    ] {
        assert!(Cron::read(refused).is_none(), "{refused}");
    }
}
