//! Covering arrays: few combinations in which every pair of values meets.

/// Combinations of values, each value as its place in its input's list, such that every pair of values of two inputs
/// that is `allowed` together meets in one of them. `sizes` holds how many values each input has; `allowed` says whether
/// a combination in which some inputs are not decided yet (none) can still become one that makes sense.
///
/// Greedy and deterministic: the same inputs give the same combinations in the same order, so that their numbers can be
/// talked about. A pair that no allowed combination holds is left out.
pub(super) fn cover(sizes: &[usize], allowed: &dyn Fn(&[Option<usize>]) -> bool) -> Vec<Vec<usize>> {
    let mut wanted = pairs(sizes);
    let mut rows = Vec::new();
    let mut spent = 0;
    while let Some(first) = wanted.first().copied() {
        let mut start = vec![None; sizes.len()];
        set(&mut start, first.one);
        set(&mut start, first.other);
        match grow(start, sizes, &wanted, allowed, &mut spent) {
            Some(row) => {
                wanted.retain(|pair| !meets(&row, pair));
                rows.push(row);
            }
            // No combination that makes sense holds this pair.
            None => drop(wanted.remove(0)),
        }
    }
    // With a single input there are no pairs, and each value stands for itself.
    if let (true, [only]) = (rows.is_empty(), sizes) {
        let alone = |value: &usize| allowed(&[Some(*value)]);
        rows.extend((0..*only).filter(alone).map(|value| vec![value]));
    }
    rows
}

/// How many partial combinations are tried for all rows together: far more than any module needs, and an end to
/// exclusions that leave hardly anything.
const MOST_TRIES: usize = 200_000;

/// A value of an input: which input, which value.
type Choice = (usize, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    one: Choice,
    other: Choice,
}

fn pairs(sizes: &[usize]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (first, values) in sizes.iter().enumerate() {
        for (second, others) in sizes.iter().enumerate().skip(first + 1) {
            for one in 0..*values {
                let with = |other| Pair {
                    one: (first, one),
                    other: (second, other),
                };
                pairs.extend((0..*others).map(with));
            }
        }
    }
    pairs
}

/// Decides the open inputs one by one, each with the value that brings most pairs that are still wanted, and goes back
/// where that leads nowhere.
fn grow(
    row: Vec<Option<usize>>,
    sizes: &[usize],
    wanted: &[Pair],
    allowed: &dyn Fn(&[Option<usize>]) -> bool,
    spent: &mut usize,
) -> Option<Vec<usize>> {
    *spent += 1;
    if *spent > MOST_TRIES || !allowed(&row) {
        return None;
    }
    let Some(open) = row.iter().position(Option::is_none) else {
        return Some(row.into_iter().flatten().collect());
    };
    let mut values: Vec<(usize, usize)> = (0..sizes.get(open).copied().unwrap_or_default())
        .map(|value| (gain(&row, (open, value), wanted), value))
        .collect();
    values.sort_by_key(|(gain, value)| (std::cmp::Reverse(*gain), *value));
    values.into_iter().find_map(|(_, value)| {
        let mut next = row.clone();
        set(&mut next, (open, value));
        grow(next, sizes, wanted, allowed, spent)
    })
}

/// How many wanted pairs `choice` makes with what is decided, and how many it could still make count a little.
fn gain(row: &[Option<usize>], choice: Choice, wanted: &[Pair]) -> usize {
    const MADE: usize = 1_000;
    let has = |(input, value): Choice| row.get(input).copied().flatten() == Some(value);
    let open = |(input, _): Choice| row.get(input).is_some_and(Option::is_none);
    wanted
        .iter()
        .map(|pair| {
            let partner = if pair.one == choice {
                pair.other
            } else if pair.other == choice {
                pair.one
            } else {
                return 0;
            };
            match (has(partner), open(partner)) {
                (true, _) => MADE,
                (false, true) => 1,
                (false, false) => 0,
            }
        })
        .sum()
}

fn meets(row: &[usize], pair: &Pair) -> bool {
    let has = |(input, value): Choice| row.get(input) == Some(&value);
    has(pair.one) && has(pair.other)
}

fn set(row: &mut [Option<usize>], (input, value): Choice) {
    if let Some(place) = row.get_mut(input) {
        *place = Some(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::cover;

    #[test]
    fn nine_combinations_are_enough_for_the_pairs_of_four_inputs_with_three_values() {
        let rows = cover(&[3, 3, 3, 3], &|_| true);
        assert!((9..=11).contains(&rows.len()), "{rows:?}");
        assert_eq!(rows, cover(&[3, 3, 3, 3], &|_| true), "the same every time");
    }

    #[test]
    fn one_input_is_tried_with_each_of_its_values() {
        assert_eq!(cover(&[3], &|row| row != [Some(1)]), [[0], [2]]);
        assert!(cover(&[], &|_| true).is_empty());
    }

    #[test]
    fn a_pair_that_cannot_be_is_left_out_and_the_others_are_not() {
        let never = |row: &[Option<usize>]| !(row[0] == Some(0) && row[1] == Some(0));
        let rows = cover(&[2, 2, 2], &never);
        assert!(rows.iter().all(|row| row[..2] != [0, 0]), "{rows:?}");
        assert!(rows.iter().any(|row| row[0] == 0 && row[2] == 1), "{rows:?}");
    }

    proptest! {
        #[test]
        fn every_pair_that_is_allowed_meets(
            sizes in prop::collection::vec(1_usize..5, 2..7),
            excluded in prop::collection::vec(prop::collection::vec((0_usize..7, 0_usize..5), 1..4), 0..4),
        ) {
            let fits = |row: &[Option<usize>]| {
                !excluded.iter().any(|one| one.iter().all(|(input, value)| row.get(*input) == Some(&Some(*value))))
            };
            let rows = cover(&sizes, &fits);
            let full = |row: &Vec<usize>| row.iter().map(|value| Some(*value)).collect::<Vec<_>>();
            for row in &rows {
                prop_assert!(fits(&full(row)), "{row:?} is excluded");
            }
            // Every allowed combination's pairs are met by some row.
            let mut all: Vec<Vec<usize>> = vec![vec![]];
            for size in &sizes {
                all = all.iter().flat_map(|row| (0..*size).map(move |value| [row.clone(), vec![value]].concat())).collect();
            }
            for combination in all.iter().filter(|row| fits(&full(row))) {
                for one in 0..sizes.len() {
                    for other in one + 1..sizes.len() {
                        let meets = rows.iter().any(|row| row[one] == combination[one] && row[other] == combination[other]);
                        prop_assert!(meets, "{combination:?}: {one} and {other} never meet in {rows:?}");
                    }
                }
            }
        }
    }
}
