// Ring sorting: n numbered tiles on a ring, a move swaps two neighbours (n edges, the last tile and
// the first are neighbours too), reach t1 t2 ... tn in the fewest moves.
//
// Texts: prompt "t3 t1 t2 :", solution "m1 m3" (edge k swaps positions k and k mod n + 1). A
// checker needs only the question. Distances: core/task/ring_distance.h; words: ring_text.h.
#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/task/ring_distance.h"
#include "core/task/ring_text.h"
#include "core/task/splits.h"
#include "core/task/task.h"

namespace retort {
namespace {

struct RingSortConfig {
  int size = 9;
  int distance = 10;
  double gold_low_edge = 0.5;
};

/// Random walks in a row that bring nothing new before a share counts as used up (n > 9).
constexpr int kMaxIdleWalks = 20000;

/// Calls choose(ring, optimal moves) for each step of a shortest solution.
template <typename Chooser>
std::vector<int> ShortestSolution(const RingDistance& distance, Ring ring, Chooser choose) {
  std::vector<int> moves;
  for (RingMoves best = distance.OptimalMoves(ring); best.count > 0;
       best = distance.OptimalMoves(ring)) {
    moves.push_back(choose(best));
    ring.Apply(moves.back());
  }
  return moves;
}

int UniformMove(const RingMoves& moves, Rng& rng) {
  return moves[rng.NextBelow(static_cast<uint64_t>(moves.count))];
}

class WordStepRule final : public StepRule {
 public:
  std::vector<size_t> StepEnds(std::string_view text) const override {
    std::vector<size_t> ends;
    for (const std::string_view word : SplitWords(text)) {
      ends.push_back(static_cast<size_t>(word.data() + word.size() - text.data()));
    }
    return ends;
  }
};

class RingVerifier final : public Verifier {
 public:
  /// `distance` is borrowed from the task that owns both.
  RingVerifier(int n, const RingDistance& distance) : n_(n), distance_(distance) {}

  Verdict Verify(const Problem& problem, std::string_view text) const override {
    return Check(problem.question, text);
  }

  Verdict Check(const Question& question, std::string_view text) const override {
    std::optional<Ring> ring = ParseRingPrompt(question.prompt, n_);
    if (!ring) return Verdict::kUnverified;
    const std::optional<std::vector<int>> moves = ParseRingMoves(text, n_);
    if (!moves || moves->empty()) return Verdict::kUnparsed;
    if (moves->size() != static_cast<size_t>(distance_.Distance(*ring))) return Verdict::kIncorrect;
    for (const int move : *moves) ring->Apply(move);
    return *ring == Ring::Identity(n_) ? Verdict::kCorrect : Verdict::kIncorrect;
  }

  int StepsBeforeError(const Question& question, std::string_view text) const override {
    std::optional<Ring> ring = ParseRingPrompt(question.prompt, n_);
    if (!ring) return 0;
    int steps = 0;
    int left = distance_.Distance(*ring);
    for (const std::string_view word : SplitWords(text)) {
      const std::optional<int> move = ParseRingMove(word, n_);
      if (!move) break;
      ring->Apply(*move);
      if (distance_.Distance(*ring) != --left) break;
      ++steps;
    }
    return steps;
  }

  std::string Identity() const override { return StrCat("ring_sort-checker/1 size=", n_); }

 private:
  int n_;
  const RingDistance& distance_;
};

class RingSort final : public Task {
 public:
  explicit RingSort(const RingSortConfig& config)
      : config_(config), n_(config.size), distance_(n_), verifier_(n_, distance_) {}

  std::string Name() const override { return "ring_sort"; }
  std::string Identity() const override {
    return StrCat("ring_sort/1 size=", n_, " distance=", config_.distance,
                  " gold_low_edge=", DoubleText(config_.gold_low_edge));
  }
  TaskFacts Facts() const override;
  std::vector<std::vector<Problem>> MakeSplits(const std::vector<ProblemSplit>& splits,
                                               uint64_t seed) const override;
  std::string CanonicalKey(const Question& question) const override {
    return CanonicalRingText(RingOf(question));
  }
  const Verifier& GetVerifier() const override { return verifier_; }
  const StepRule& GetStepRule() const override { return step_rule_; }
  std::vector<std::string> Vocabulary() const override;
  int MaxCompletionTokens() const override { return config_.distance + 1; }

  std::vector<std::string> GoldTraces(const Problem& problem, int count, RngKey key) const override;
  std::optional<int64_t> CountSolutions(const Question& question) const override {
    return distance_.CountSolutions(RingOf(question));
  }
  std::optional<std::string> RandomPlay(const Question& question, Rng& rng) const override;
  std::optional<std::string> HeuristicPlay(const Question& question, Rng& rng) const override;
  std::optional<std::string> Solve(const Question& question, Rng& rng) const override;
  std::vector<std::pair<std::string, std::string>> Augment(
      const Question& question, std::string_view solution) const override;
  Json ToJson(const Problem& problem) const override;
  Problem FromJson(const Json& object) const override;

 private:
  Ring RingOf(const Question& question) const;
  Problem MakeProblem(const Ring& ring) const;
  std::vector<Ring> SampleRings(const std::vector<ProblemSplit>& splits, uint64_t seed) const;
  std::optional<Ring> WalkOutward(Rng& rng) const;

  RingSortConfig config_;
  int n_;
  RingDistance distance_;
  RingVerifier verifier_;
  WordStepRule step_rule_;
};

Ring RingSort::RingOf(const Question& question) const {
  const std::optional<Ring> ring = ParseRingPrompt(question.prompt, n_);
  if (!ring) {
    throw Error(ExitCode::kData,
                StrCat("question ", question.id, ": the prompt is not a ring of ", n_,
                       " tiles - \"", question.prompt.substr(0, 80), "\"; check task.size"));
  }
  return *ring;
}

Problem RingSort::MakeProblem(const Ring& ring) const {
  const int steps = distance_.Distance(ring);
  const std::vector<int> moves =
      ShortestSolution(distance_, ring, [](const RingMoves& best) { return best[0]; });
  return {.question = {.id = StrCat("ring", n_, "d", steps, "-", RingTilesText(ring)),
                       .prompt = RingPromptText(ring),
                       .horizon = steps},
          .answer = RingMovesText(moves),
          .source = "generated",
          .split = ""};
}

TaskFacts RingSort::Facts() const {
  TaskFacts facts;
  facts.description = StrCat("sort ", n_, " tiles on a ring by swapping neighbours, in the fewest ",
                             "moves (", config_.distance, ")");
  facts.symmetry = StrCat("the ", 2 * n_, " rotations and reflections of the ring, acting on ",
                          "positions and labels together; an inverse counts as another problem");
  if (!distance_.Enumerable()) {
    facts.solver = StrCat("Jerrum's closed form (1985) for the distance, O(n^2) a state, tried on ",
                          "every move; problems are random walks away from the identity, checked ",
                          "by it, and not uniform over states");
    return facts;
  }
  facts.solver = StrCat("breadth-first table over all ", n_, "! states; one look-up a state");
  std::set<uint64_t> classes;
  const std::vector<Ring> rings = distance_.RingsAt(config_.distance);
  for (const Ring& ring : rings) classes.insert(CanonicalRing(ring).Packed());
  facts.problems = static_cast<int64_t>(rings.size());
  facts.canonical_classes = static_cast<int64_t>(classes.size());
  return facts;
}

std::vector<std::vector<Problem>> RingSort::MakeSplits(const std::vector<ProblemSplit>& splits,
                                                       uint64_t seed) const {
  const std::vector<Ring> rings =
      distance_.Enumerable() ? distance_.RingsAt(config_.distance) : SampleRings(splits, seed);
  ProblemSource source;
  for (const Ring& ring : rings) source.canonical_keys.push_back(CanonicalRingText(ring));
  source.make = [&](size_t index) { return MakeProblem(rings[index]); };
  return DealProblems(*this, splits, seed, source,
                      StrCat(" (", n_, " tiles, distance ", config_.distance, ")"));
}

std::optional<Ring> RingSort::WalkOutward(Rng& rng) const {
  Ring ring = Ring::Identity(n_);
  for (int step = 1; step <= config_.distance; ++step) {
    RingMoves outward;
    for (int move = 0; move < n_; ++move) {
      Ring next = ring;
      next.Apply(move);
      if (distance_.Distance(next) == step) outward.Add(move);
    }
    if (outward.count == 0) return std::nullopt;
    ring.Apply(UniformMove(outward, rng));
  }
  return ring;
}

std::vector<Ring> RingSort::SampleRings(const std::vector<ProblemSplit>& splits,
                                        uint64_t seed) const {
  std::vector<int64_t> missing;
  int64_t total_missing = 0;
  for (const ProblemSplit& split : splits) {
    if (split.config.file.empty() && split.config.count == 0) {
      throw Error(ExitCode::kConfig,
                  StrCat("problems.", split.name, ".count: rings of ", n_,
                         " tiles are too many to list (over ", RingDistance::kMaxTableTiles,
                         " tiles); give a count above 0"));
    }
    missing.push_back(split.config.file.empty() ? split.config.count : 0);
    total_missing += missing.back();
  }
  Rng rng = Rng::Derive({seed, std::string_view("ring walk")});
  std::vector<Ring> rings;
  std::set<uint64_t> seen;
  for (int idle = 0; total_missing > 0 && idle < kMaxIdleWalks; ++idle) {
    const std::optional<Ring> ring = WalkOutward(rng);
    if (!ring || !seen.insert(ring->Packed()).second) continue;
    const std::optional<size_t> split = SplitOfClass(splits, CanonicalRingText(*ring));
    if (!split || missing[*split] == 0) continue;
    --missing[*split];
    --total_missing;
    rings.push_back(*ring);
    idle = 0;
  }
  return rings;
}

std::vector<std::string> RingSort::Vocabulary() const {
  std::vector<std::string> words = {std::string(kRingSeparator)};
  for (const char prefix : {'t', 'm'}) {
    for (int i = 1; i <= n_; ++i) words.push_back(StrCat(prefix, i));
  }
  return words;
}

std::vector<std::string> RingSort::GoldTraces(const Problem& problem, int count, RngKey key) const {
  const Ring ring = RingOf(problem.question);
  Rng rng(key);
  std::vector<std::string> traces;
  traces.reserve(static_cast<size_t>(std::max(count, 0)));
  for (int i = 0; i < count; ++i) {
    traces.push_back(RingMovesText(ShortestSolution(distance_, ring, [&](const RingMoves& best) {
      return rng.NextDouble() < config_.gold_low_edge ? best[0] : UniformMove(best, rng);
    })));
  }
  return traces;
}

std::optional<std::string> RingSort::RandomPlay(const Question& question, Rng& rng) const {
  Ring ring = RingOf(question);
  const Ring goal = Ring::Identity(n_);
  const int limit = distance_.Distance(ring);
  std::vector<int> moves;
  while (static_cast<int>(moves.size()) < limit && !(ring == goal)) {
    RingMoves legal;
    for (int move = 0; move < n_; ++move) {
      if (moves.empty() || move != moves.back()) legal.Add(move);
    }
    moves.push_back(UniformMove(legal, rng));
    ring.Apply(moves.back());
  }
  return RingMovesText(moves);
}

// Any swap that shortens the total ring distance; where none does, the least bad one. Of the rules
// of this kind that were tried it solves most at many tries (configs/LOG.md).
std::optional<std::string> RingSort::HeuristicPlay(const Question& question, Rng& rng) const {
  Ring ring = RingOf(question);
  const Ring goal = Ring::Identity(n_);
  const int limit = distance_.Distance(ring);
  std::vector<int> moves;
  while (static_cast<int>(moves.size()) < limit && !(ring == goal)) {
    RingMoves shortening;
    RingMoves least;
    int least_displacement = std::numeric_limits<int>::max();
    for (int move = 0; move < n_; ++move) {
      Ring next = ring;
      next.Apply(move);
      const int displacement = TotalRingDisplacement(next);
      if (displacement < TotalRingDisplacement(ring)) shortening.Add(move);
      if (displacement < least_displacement) least = RingMoves();
      if (displacement <= least_displacement) {
        least_displacement = displacement;
        least.Add(move);
      }
    }
    moves.push_back(UniformMove(shortening.count > 0 ? shortening : least, rng));
    ring.Apply(moves.back());
  }
  return RingMovesText(moves);
}

std::optional<std::string> RingSort::Solve(const Question& question, Rng& rng) const {
  return RingMovesText(ShortestSolution(
      distance_, RingOf(question), [&](const RingMoves& best) { return UniformMove(best, rng); }));
}

std::vector<std::pair<std::string, std::string>> RingSort::Augment(
    const Question& question, std::string_view solution) const {
  const Ring ring = RingOf(question);
  const std::optional<std::vector<int>> moves = ParseRingMoves(solution, n_);
  RETORT_CHECK(moves.has_value(), "question ", question.id, ": not a solution text");
  std::vector<std::pair<std::string, std::string>> images;
  for (const bool mirror : {false, true}) {
    for (int turn = 0; turn < n_; ++turn) {
      std::vector<int> mapped;
      for (const int move : *moves) mapped.push_back(ring.ImageOfMove(move, turn, mirror));
      std::pair image(RingPromptText(ring.Image(turn, mirror)), RingMovesText(mapped));
      if (std::find(images.begin(), images.end(), image) == images.end()) {
        images.push_back(std::move(image));
      }
    }
  }
  return images;
}

Json RingSort::ToJson(const Problem& problem) const {
  const Ring ring = RingOf(problem.question);
  Json tiles = Json::array();
  for (int p = 0; p < n_; ++p) tiles.push_back(ring.tile[static_cast<size_t>(p)] + 1);
  return {{"id", problem.question.id}, {"tiles", tiles}, {"solution", problem.answer}};
}

Problem RingSort::FromJson(const Json& object) const {
  const Ring ring = RingFromJson(object, n_);
  Problem problem = MakeProblem(ring);
  const int steps = problem.question.horizon;
  if (steps < 1 || steps > config_.distance) {
    throw Error(ExitCode::kData, StrCat("tiles: need ", steps, " moves, not 1 to ",
                                        config_.distance, " (task.distance)"));
  }
  if (object.contains("id")) problem.question.id = object.at("id").get<std::string>();
  if (object.contains("solution")) {
    problem.answer = object.at("solution").get<std::string>();
    const Verdict verdict = verifier_.Check(problem.question, problem.answer);
    if (verdict != Verdict::kCorrect) {
      throw Error(ExitCode::kData,
                  StrCat("solution: ", VerdictName(verdict), "; a shortest one is \"",
                         MakeProblem(ring).answer, "\""));
    }
  }
  return problem;
}

}  // namespace

std::unique_ptr<Task> MakeRingSort(ConfigSection section) {
  RingSortConfig config;
  section.Int("size", &config.size, {.min = kMinRingTiles, .max = kMaxRingTiles});
  section.Int("distance", &config.distance, {.min = 1});
  section.Float("gold_low_edge", &config.gold_low_edge, {.min = 0, .max = 1});
  if (config.size < kMinRingTiles || config.size > kMaxRingTiles || config.distance < 1) {
    return nullptr;
  }
  const int diameter = RingDistance::Diameter(config.size);
  if (config.distance > diameter) {
    section.Fail("distance", StrCat("no ring of ", config.size, " tiles needs more than ", diameter,
                                    " moves; lower it"));
    return nullptr;
  }
  return std::make_unique<RingSort>(config);
}

}  // namespace retort
