//! "Did you mean": the known name nearest to what was typed.

/// The candidate nearest to `typed`, if one is near enough to be a likely slip of the finger.
pub fn closest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(wanted.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_finds_the_name_and_a_different_word_finds_none() {
        assert_eq!(closest("nat_gateway", ["cidr", "nat_gateways"]), Some("nat_gateways"));
        assert_eq!(closest("flavour", ["cidr", "nat_gateways"]), None);
    }
}
