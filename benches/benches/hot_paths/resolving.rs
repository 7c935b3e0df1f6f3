//! From a folder of a hundred contracts in memory to a catalog.

use bench::manifests::one_of_many;
use contract::manifest::Folder;
use criterion::Criterion;

use crate::mounted::{registry, resolve, shipped};

const CONTRACTS: usize = 100;

pub(crate) fn benchmark(criterion: &mut Criterion) {
    let registry = registry();
    let manifest = |number: usize| {
        let (id, text) = one_of_many(number);
        // Somebody has to declare the secret that they share.
        let declared = if number == 0 { bench::manifests::declared_secret() } else { String::new() };
        (format!("external/{id}.yaml"), format!("{text}{declared}").into_bytes())
    };
    let folder: Folder = shipped().into_iter().chain((0..CONTRACTS).map(manifest)).collect();
    let resolution = resolve(&folder, &registry);
    let catalog = resolution.catalog.as_ref().map(|catalog| catalog.contracts.len());
    assert_eq!(catalog, Some(CONTRACTS), "{}", contract::finding::render_human(&resolution.findings, &folder, false));
    criterion.bench_function("resolve 100 contracts", |bencher| bencher.iter(|| resolve(&folder, &registry)));
}
