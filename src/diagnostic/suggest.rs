//! "Did you mean": the known name nearest to what was typed.

/// Names longer than this, in bytes, are data and not slips of the finger.
const LONGEST: usize = 80;

/// How many candidates are looked at: more than AWS has resource types.
const MOST_CANDIDATES: usize = 4_000;

/// The candidate nearest to `typed`, if one is near enough to be a likely slip of the finger.
///
/// Measuring a distance takes the product of both lengths, and a broken file may ask for thousands of names among
/// thousands: candidates that cannot be near are left out by what they are made of.
pub fn closest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.len() > LONGEST {
        return None;
    }
    let wanted = typed.to_lowercase();
    let (wanted_length, wanted_letters) = outline(&wanted);
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            let (length, letters) = outline(candidate);
            let allowed = (length.max(wanted_length) / 3).max(1);
            // Every letter that only one of the two has takes an edit of its own.
            let missing = (letters & !wanted_letters)
                .count_ones()
                .max((wanted_letters & !letters).count_ones());
            if length.abs_diff(wanted_length) > allowed || missing as usize > allowed {
                return None;
            }
            let distance = distance(&wanted, candidate, allowed)?;
            Some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, replacements and swaps of neighbours lie between two names in lower case, if it is no
/// more than `allowed`; given up as soon as it must be more.
fn distance(wanted: &str, candidate: &str, allowed: usize) -> Option<usize> {
    let wanted: Vec<char> = wanted.chars().collect();
    let candidate: Vec<char> = candidate.to_lowercase().chars().collect();
    let far = allowed + 1;
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(far);
    let mut two_above: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=candidate.len()).collect();
    for (row, letter) in wanted.iter().enumerate() {
        let mut current = vec![far; candidate.len() + 1];
        // Cells further from the diagonal than `allowed` cannot be on a path that is short enough.
        let from = (row + 1).saturating_sub(allowed);
        let to = (row + 1 + allowed).min(candidate.len());
        let mut least = far;
        for column in from..=to {
            let best = match column.checked_sub(1) {
                None => row + 1,
                Some(before) => {
                    let other = candidate.get(before);
                    let replaced = at(&above, before) + usize::from(other != Some(letter));
                    let mut best = replaced.min(at(&above, column) + 1).min(at(&current, before) + 1);
                    let swapped = row > 0
                        && before > 0
                        && wanted.get(row - 1) == other
                        && candidate.get(before - 1) == Some(letter);
                    if swapped {
                        best = best.min(at(&two_above, before - 1) + 1);
                    }
                    best
                }
            };
            if let Some(cell) = current.get_mut(column) {
                *cell = best;
            }
            least = least.min(best);
        }
        if least > allowed {
            return None;
        }
        two_above = std::mem::replace(&mut above, current);
    }
    Some(at(&above, candidate.len())).filter(|distance| *distance <= allowed)
}

/// How many characters a text has, and which ones, as a set of remainders.
fn outline(text: &str) -> (usize, u64) {
    let mut length = 0;
    let mut letters = 0;
    for character in text.chars() {
        length += 1;
        letters |= 1 << (u32::from(character.to_ascii_lowercase()) % 64);
    }
    (length, letters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{closest, distance};

    proptest! {
        #[test]
        fn the_bounded_distance_is_the_distance(a in "[ab]{0,8}", b in "[abc]{0,8}", allowed in 0..9usize) {
            let whole = strsim::osa_distance(&a, &b);
            prop_assert_eq!(distance(&a, &b, allowed), (whole <= allowed).then_some(whole));
        }
    }

    #[test]
    fn a_slip_finds_the_name_and_a_different_word_finds_none() {
        assert_eq!(closest("nat_gateway", ["cidr", "nat_gateways"]), Some("nat_gateways"));
        assert_eq!(closest("flavour", ["cidr", "nat_gateways"]), None);
    }
}
