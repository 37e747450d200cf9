//! From what the trees give to scores and labels.
//!
//! Sums are kept in 64 bits and rounded once. The rules for two classes are those of ONNX Runtime
//! (`tree_ensemble_aggregator.h`, `ml_common.h`).

use super::attributes::Attributes;
use super::forest::Weight;
use crate::manifest::Datatype;
use crate::tensor::Values;

/// How the weights of a score are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// They are added.
    Sum,
    /// They are added, and divided by the number of trees.
    Average,
    /// The least counts.
    Min,
    /// The greatest counts.
    Max,
}

/// What is done with the scores of a row in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Nothing.
    None,
    /// They become shares of their exponentials.
    Softmax,
    /// The same, but scores that are zero stay so.
    SoftmaxZero,
    /// Each goes through the logistic function.
    Logistic,
}

/// What the classes are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// A regressor has none.
    None,
    /// By numbers.
    Numbers(Vec<i64>),
    /// By words.
    Words(Vec<String>),
}

impl Labels {
    /// The type of the labels.
    pub fn datatype(&self) -> Datatype {
        match self {
            Self::None | Self::Numbers(_) => Datatype::Int64,
            Self::Words(_) => Datatype::Bytes,
        }
    }

    /// Classes by their numbers, as what they are called.
    pub fn of(&self, classes: &[usize]) -> Values {
        fn each<T: Clone>(labels: &[T], classes: &[usize]) -> Vec<T> {
            classes.iter().filter_map(|&class| labels.get(class).cloned()).collect()
        }
        match self {
            Self::None => Values::Int64(Vec::new()),
            Self::Numbers(labels) => Values::Int64(each(labels, classes)),
            Self::Words(labels) => Values::Bytes(each(labels, classes)),
        }
    }
}

/// A score, and whether any leaf gave it something. One that got nothing is 0 and is never chosen.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    value: f64,
    given: bool,
}

impl Score {
    fn told(self) -> f64 {
        if self.given { self.value } else { 0.0 }
    }
}

/// How scores and labels are made.
#[derive(Debug)]
pub struct Scores {
    labels: Labels,
    outputs: usize,
    trees: f64,
    aggregate: Aggregate,
    base: Vec<f64>,
    transform: Transform,
    /// Two classes, and all weights are for one of them: the score of the other follows from it.
    one_sided: bool,
    /// No weight is below zero. Scores of one side are then probabilities, decided at a half and not at zero.
    positive: bool,
}

impl Scores {
    /// From the attributes of an ensemble of that many trees.
    pub fn of(attributes: &Attributes, trees: usize) -> Self {
        let first = attributes.weights.first().map(|weight| weight.score);
        Self {
            labels: attributes.labels.clone(),
            outputs: attributes.outputs,
            trees: u32::try_from(trees).map_or(f64::INFINITY, f64::from),
            aggregate: attributes.aggregate,
            base: attributes.base.iter().copied().map(f64::from).collect(),
            transform: attributes.transform,
            one_sided: attributes.outputs == 2 && attributes.weights.iter().all(|weight| Some(weight.score) == first),
            positive: attributes.weights.iter().all(|weight| weight.value >= 0.0),
        }
    }

    /// What the classes are called.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// How many scores a row has.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Collects the answers to that many rows.
    pub fn answers(&self, rows: usize) -> Answers<'_> {
        Answers {
            by: self,
            sums: vec![Score::default(); self.outputs],
            labels: Vec::with_capacity(rows),
            scores: Vec::with_capacity(rows.saturating_mul(self.outputs)),
        }
    }
}

/// The answers to some rows.
pub struct Answers<'s> {
    by: &'s Scores,
    sums: Vec<Score>,
    labels: Vec<usize>,
    scores: Vec<f32>,
}

impl Answers<'_> {
    /// Adds a row: what each tree gave.
    pub fn add<'w>(&mut self, leaves: impl Iterator<Item = &'w [Weight]>) {
        self.sums.fill(Score::default());
        for leaf in leaves {
            for weight in leaf {
                if let Some(sum) = self.sums.get_mut(weight.score as usize) {
                    let value = f64::from(weight.value);
                    sum.value = match self.by.aggregate {
                        Aggregate::Sum | Aggregate::Average => sum.value + value,
                        Aggregate::Min if sum.given => sum.value.min(value),
                        Aggregate::Max if sum.given => sum.value.max(value),
                        Aggregate::Min | Aggregate::Max => value,
                    };
                    sum.given = true;
                }
            }
        }
        match (&self.by.labels, self.sums.as_mut_slice()) {
            (Labels::None, sums) => {
                numbers(self.by, sums);
                self.scores.extend(sums.iter().map(|sum| rounded(sum.value)));
            }
            (_, [first, second]) => {
                let (class, scores) = two_classes(self.by, *first, *second);
                self.labels.push(class);
                self.scores.extend(scores.map(rounded));
            }
            (_, sums) => {
                self.labels.push(many_classes(self.by, sums));
                self.scores.extend(sums.iter().map(|sum| rounded(sum.value)));
            }
        }
    }

    /// The class of each row, by its number, and the scores of all rows.
    pub fn finish(self) -> (Vec<usize>, Vec<f32>) {
        (self.labels, self.scores)
    }
}

fn numbers(by: &Scores, sums: &mut [Score]) {
    let based = by.base.len() == sums.len();
    for (index, sum) in sums.iter_mut().enumerate() {
        if by.aggregate == Aggregate::Average {
            sum.value /= by.trees;
        }
        if based {
            sum.value += by.base.get(index).copied().unwrap_or_default();
        }
        sum.given = true;
    }
    // Of a single number only the transform that is not run here changes anything.
    if sums.len() > 1 {
        transform(by.transform, sums);
    }
}

fn many_classes(by: &Scores, sums: &mut [Score]) -> usize {
    for (sum, base) in sums.iter_mut().zip(&by.base) {
        sum.value += base;
        sum.given = true;
    }
    let mut best: Option<(usize, f64)> = None;
    for (class, sum) in sums.iter().enumerate() {
        if sum.given && best.is_none_or(|(_, value)| sum.value > value) {
            best = Some((class, sum.value));
        }
    }
    transform(by.transform, sums);
    best.map_or(0, |(class, _)| class)
}

/// The class, and the scores of both. ONNX leaves open what is meant when all weights are for one class, and what base
/// values are for then.
fn two_classes(by: &Scores, mut first: Score, mut second: Score) -> (usize, [f64; 2]) {
    let mut both = second.given;
    match by.base.as_slice() {
        [_, base] if second.given => {
            second.value = base + first.value;
            first.value = -second.value;
        }
        [base_of_first, base_of_second] => {
            first.value += base_of_first;
            second.value += base_of_second;
            both = true;
        }
        [base] => first.value += base,
        _ => {}
    }
    let decisive = if both && second.given { second } else { first }.told();
    let halfway = if by.one_sided && by.positive { 0.5 } else { 0.0 };
    let class = usize::from(decisive > halfway);
    if both {
        let mut scores = [first, second];
        transform(by.transform, &mut scores);
        return (class, scores.map(|score| score.value));
    }
    let value = first.told();
    let scores = match by.transform {
        Transform::Logistic => [logistic(-value), logistic(value)],
        _ if by.one_sided && by.positive => [1.0 - value, value],
        _ => [-value, value],
    };
    (class, scores)
}

fn transform(transform: Transform, scores: &mut [Score]) {
    for score in &mut *scores {
        score.value = score.told();
    }
    let greatest = scores
        .iter()
        .fold(f64::NEG_INFINITY, |most, score| most.max(score.value));
    match transform {
        Transform::None => return,
        Transform::Logistic => {
            for score in scores {
                score.value = logistic(score.value);
            }
            return;
        }
        Transform::Softmax => {
            for score in &mut *scores {
                score.value = (score.value - greatest).exp();
            }
        }
        Transform::SoftmaxZero => {
            for score in &mut *scores {
                score.value = if score.value.abs() > 1e-7 {
                    (score.value - greatest).exp()
                } else {
                    score.value * (-greatest).exp()
                };
            }
        }
    }
    let sum: f64 = scores.iter().map(|score| score.value).sum();
    for score in scores {
        score.value /= sum;
    }
}

fn logistic(value: f64) -> f64 {
    1.0 / (1.0 + (-value).exp())
}

#[expect(clippy::cast_possible_truncation, reason = "scores are told in 32 bits")]
fn rounded(value: f64) -> f32 {
    value as f32
}
