//! Finding the route of a path among ten thousand, half of them with a parameter.

use std::hint::black_box;

use bench::manifests::path_of;
use criterion::Criterion;

const ROUTES: usize = 10_000;

pub(crate) fn benchmark(criterion: &mut Criterion) {
    let mut router = matchit::Router::new();
    for number in 0..ROUTES / 2 {
        router.insert(path_of(number), number).expect("the path is free");
        router
            .insert(format!("/api/v1/projects/{{project_id}}/integrations/vendor-{number}/webhook"), number)
            .expect("the path is free");
    }
    let mut group = criterion.benchmark_group("routing 10,000 paths");
    let with_parameter = "/api/v1/projects/demo/integrations/vendor-4321/webhook";
    for (name, path) in [("fixed", path_of(4_321).as_str()), ("parameter", with_parameter)] {
        assert!(router.at(path).is_ok(), "{path} is there");
        group.bench_function(name, |bencher| bencher.iter(|| router.at(black_box(path)).map(|found| *found.value).ok()));
    }
    group.bench_function("nothing", |bencher| bencher.iter(|| router.at(black_box("/api/v1/nowhere/at/all")).is_err()));
    group.finish();
}
