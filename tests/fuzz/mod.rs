//! Fuzzing of everything that reads a text from outside: no input may crash a reader, keep it from ending, make it point
//! outside of its text, or be read in two ways. `docs/fuzzing.md` says how to run it longer and how to keep an input.

mod engine;
mod grammar;
mod hold;
mod mutate;
mod readers;
mod records;

macro_rules! fuzzed {
    ($($claim:ident: $reader:path;)*) => {$(
        #[test]
        fn $claim() {
            engine::run(&$reader());
        }
    )*};
}

fuzzed! {
    environment_files_are_read_or_refused: readers::environment;
    contracts_are_read_or_refused: readers::contract;
    cloudformation_templates_are_read_and_checked_or_refused: readers::template;
    jinja_templates_are_rendered_or_refused: readers::rendering;
    saved_plans_are_opened_as_they_were_sealed_or_refused: readers::saved_plan;
    records_are_read_as_they_were_written_or_refused: records::records;
    lists_of_faults_are_read_or_refused: records::faults;
}
