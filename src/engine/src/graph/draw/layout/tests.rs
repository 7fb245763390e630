use super::*;
use proptest::prelude::*;

fn needs(of: &[&[usize]]) -> Vec<BTreeSet<usize>> {
    of.iter().map(|needs| needs.iter().copied().collect()).collect()
}

fn laid(needs: &[BTreeSet<usize>]) -> Layout {
    layout(&vec![Size { width: 120.0, height: 60.0 }; needs.len()], needs)
}

fn boxes(layout: &Layout) -> Vec<Rect> {
    let mut members: Vec<_> = layout.blocks.iter().flat_map(|block| block.members.iter().copied()).collect();
    members.sort_by_key(|(member, _)| *member);
    members.into_iter().map(|(_, rect)| rect).collect()
}

fn overlap(one: &Rect, other: &Rect) -> bool {
    one.at.x < other.at.x + other.size.width
        && other.at.x < one.at.x + one.size.width
        && one.at.y < other.at.y + other.size.height
        && other.at.y < one.at.y + one.size.height
}

fn hits(rect: &Rect, point: Point) -> bool {
    let (right, bottom) = (rect.at.x + rect.size.width, rect.at.y + rect.size.height);
    (rect.at.x < point.x && point.x < right) && (rect.at.y < point.y && point.y < bottom)
}

/// Points along a line, as the SVG draws it.
fn along(line: &Line) -> impl Iterator<Item = Point> {
    let Line { start, bend, end, .. } = *line;
    let middle = (start.y + bend.y) / 2.0;
    let curve = (0..=20).map(move |step| {
        let t = f64::from(step) / 20.0;
        let of = |a: f64, b: f64, c: f64, d: f64| {
            let s = 1.0 - t;
            a * s * s * s + 3.0 * b * s * s * t + 3.0 * c * s * t * t + d * t * t * t
        };
        Point { x: of(start.x, start.x, bend.x, bend.x), y: of(start.y, middle, middle, bend.y) }
    });
    curve.chain((0..=4).map(move |step| Point { x: bend.x, y: bend.y + (end.y - bend.y) * f64::from(step) / 4.0 }))
}

/// What holds for every layout.
fn check(layout: &Layout, needs: &[BTreeSet<usize>]) {
    let rects = boxes(layout);
    assert_eq!(rects.len(), needs.len(), "every box stands somewhere, once");
    for (place, one) in rects.iter().enumerate() {
        assert!(one.at.x >= 0.0 && one.at.x + one.size.width <= layout.size.width, "{one:?} in {:?}", layout.size);
        assert!(one.at.y >= 0.0 && one.at.y + one.size.height <= layout.size.height, "{one:?} in {:?}", layout.size);
        assert!(rects.iter().skip(place + 1).all(|other| !overlap(one, other)), "{one:?}");
    }
    for (place, one) in layout.blocks.iter().enumerate() {
        let others = layout.blocks.iter().skip(place + 1);
        assert!(others.into_iter().all(|other| !overlap(&one.rect, &other.rect)), "{one:?}");
    }
    for line in &layout.lines {
        for point in along(line) {
            assert!(layout.blocks.iter().all(|block| !hits(&block.rect, point)), "{line:?} at {point:?}");
        }
    }
    let home = |place: usize| {
        let is_in = |block: &Placed| block.members.iter().any(|(member, _)| *member == place);
        layout.blocks.iter().position(is_in).unwrap()
    };
    for (place, of) in needs.iter().enumerate() {
        for need in of.iter().filter(|need| home(**need) != home(place)) {
            assert!(rects[*need].at.y < rects[place].at.y, "{need} stands above {place}");
            let begins = layout.lines.iter().any(|line| line.source == Some(home(place)) && line.target == home(*need));
            let ends = layout.lines.iter().any(|line| line.is_last && line.target == home(*need));
            assert!(begins && ends, "a line leads from {place} to {need}");
        }
    }
}

#[test]
fn nothing_and_one_thing_can_be_laid_out() {
    assert_eq!(laid(&[]).blocks, []);
    let one = laid(&needs(&[&[]]));
    assert_eq!((one.blocks.len(), one.lines.len(), one.size), (1, 0, Size { width: 120.0, height: 60.0 }));
}

#[test]
fn what_needs_each_other_stands_in_one_frame() {
    let needs = needs(&[&[], &[0, 2], &[1, 3], &[1], &[2]]);
    let layout = laid(&needs);
    check(&layout, &needs);
    let frames: Vec<Vec<usize>> =
        layout.blocks.iter().map(|it| it.members.iter().map(|(member, _)| *member).collect()).collect();
    assert_eq!(frames, [vec![0], vec![1, 2, 3], vec![4]]);
    assert_eq!(layout.lines.len(), 2, "lines between frames are merged");
}

#[test]
fn lines_to_one_thing_share_a_lane_past_other_rows() {
    let needs = needs(&[&[], &[0], &[0, 1], &[0, 2], &[0, 2]]);
    let layout = laid(&needs);
    check(&layout, &needs);
    let to_first = layout.lines.iter().filter(|line| line.target == 0 && line.is_last).count();
    assert_eq!(to_first, 2, "its neighbour's, and the lane of the other three");
}

#[test]
fn a_row_that_is_too_wide_goes_on_in_the_next() {
    let many = vec![BTreeSet::new(); 200];
    let layout = laid(&many);
    check(&layout, &many);
    assert!(layout.size.width < 3_000.0 && layout.size.height < 3_000.0, "{:?}", layout.size);
}

proptest! {
    #[test]
    fn no_box_overlaps_another_and_no_line_crosses_one(graph in any_graph()) {
        check(&laid(&graph), &graph);
    }

    #[test]
    fn the_layout_is_the_same_each_time(graph in any_graph()) {
        prop_assert_eq!(laid(&graph), laid(&graph));
    }
}

/// Needs of any kind, circles and all.
fn any_graph() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
    proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..4), 1..40).prop_map(|graph| {
        let count = graph.len();
        let of = |(place, of): (usize, &Vec<prop::sample::Index>)| {
            of.iter().map(|need| need.index(count)).filter(|need| *need != place).collect()
        };
        graph.iter().enumerate().map(of).collect()
    })
}
