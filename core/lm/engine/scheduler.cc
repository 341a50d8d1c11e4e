#include "core/lm/engine/scheduler.h"

#include <algorithm>

#include "core/base/error.h"

namespace retort {
namespace {

// Rows that wait for one another's tokens need no place in the batch, so more of them may hold
// leases than a batch has rows; this many times more, so that a plan stays cheap.
constexpr int64_t kRunningPerBatchRow = 8;
// From about so many logits on, several threads sample sooner than one.
constexpr int64_t kLogitsForThreads = 1 << 16;

}  // namespace

CacheSize Scheduler::CacheSlots(const SchedulerConfig& config) {
  return {.kept = config.slots, .scratch = config.keep_logits ? 0 : config.max_batch};
}

Scheduler::Scheduler(const SchedulerConfig& config, ForwardRunner& runner,
                     const Tokenizer& tokenizer)
    : config_(config), runner_(runner), tokenizer_(tokenizer), tree_(config.slots) {}

void Scheduler::Step(std::vector<Row*>* finished) {
  const size_t done_before = finished->size();
  ++step_;
  Plan(finished);
  if (!batch_.ids.empty()) {
    RunBatch();
  } else {
    RETORT_CHECK(finished->size() > done_before || idle(), "the batch is empty but rows wait");
  }
}

/// Empties the vectors but keeps their memory.
void Scheduler::ClearBatch() {
  batch_.ids.clear();
  batch_.positions.clear();
  batch_.row_slots.clear();
  batch_.context_slots.clear();
  batch_.logit_rows.clear();
  batch_.sequence_offsets.assign(1, 0);
  batch_.context_offsets.assign(1, 0);
  wants_logits_.clear();
}

void Scheduler::Plan(std::vector<Row*>* finished) {
  ClearBatch();
  TakeSideBySide();
  size_t kept = 0;
  // Advance may move the youngest rows from the end of running_ back to waiting_.
  for (size_t i = 0; i < running_.size(); ++i) {
    Row* row = running_[i];
    if (Advance(*row)) {
      finished->push_back(row);
      running_[i] = nullptr;
    }
  }
  for (Row* row : running_) {
    if (row != nullptr) running_[kept++] = row;
  }
  running_.resize(kept);
  Admit(finished);
}

/// The rows' next tokens, where their logits are there: rows know nothing of each other.
void Scheduler::TakeSideBySide() {
  const auto vocabulary = static_cast<size_t>(tokenizer_.VocabSize());
  if (std::ssize(running_) * static_cast<int64_t>(vocabulary) < kLogitsForThreads) return;
  ready_.clear();
  for (Row* row : running_) {
    const auto next = static_cast<size_t>(row->next());
    if (row->lease.slots.size() <= next) continue;
    const float* logits = StoredLogits(row->lease.slots[next]);
    if (logits != nullptr) ready_.emplace_back(row, logits);
  }
  runner_.pool().ParallelFor(std::ssize(ready_), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto& [row, logits] = ready_[static_cast<size_t>(i)];
      row->Take({logits, vocabulary}, tokenizer_);
    }
  });
}

void Scheduler::Admit(std::vector<Row*>* finished) {
  const auto most = static_cast<size_t>(kRunningPerBatchRow * config_.max_batch);
  while (!waiting_.empty() && HasBudget() && running_.size() < most) {
    Row* row = waiting_.front();
    // Room for what it has so far and for one more token of everybody: otherwise it would soon be
    // sent back. The oldest row is always admitted: it can take every slot there is.
    const auto wanted = static_cast<int64_t>(row->ids().size() + running_.size());
    if (!running_.empty() && tree_.available_slots() <= wanted) return;
    waiting_.pop_front();
    row->lease = config_.prefix_cache ? tree_.OpenShared() : tree_.OpenPrivate();
    row->lease.slots.reserve(row->ids().capacity());
    running_.push_back(row);
    if (Advance(*row)) {
      finished->push_back(row);
      running_.pop_back();
    }
  }
}

bool Scheduler::Advance(Row& row) {
  if (UseWhatIsThere(row)) {
    Release(row);
    return true;
  }
  const size_t first_row = batch_.ids.size();
  ClaimRest(row);
  if (batch_.ids.size() > first_row) CloseSequence(row, first_row);
  return false;
}

/// Walks along stored tokens and takes stored logits; true when the row is done.
bool Scheduler::UseWhatIsThere(Row& row) {
  // Rows of the head beyond the tokenizer's ids stand for nothing and are never sampled.
  const auto vocabulary = static_cast<size_t>(tokenizer_.VocabSize());
  while (!row.done()) {
    const auto next = static_cast<size_t>(row.next());
    while (row.lease.slots.size() <= next) {
      const int32_t id = row.ids()[row.lease.slots.size()];
      const int32_t slot = tree_.Find(row.lease, id);
      if (slot < 0 || ClaimedNow(slot)) return false;
      bool shared = false;
      tree_.Extend(row.lease, id, &shared);
    }
    const float* logits = StoredLogits(row.lease.slots[next]);
    if (logits == nullptr) return false;
    row.Take({logits, vocabulary}, tokenizer_);
  }
  return true;
}

/// Puts the tokens that the row lacks into the batch, as far as budget and slots go.
void Scheduler::ClaimRest(Row& row) {
  bool waits = false;  // for a token that another row computes in this step
  const auto known = static_cast<int64_t>(row.ids().size());
  const auto leased = static_cast<int64_t>(row.lease.slots.size());
  for (int64_t p = std::min(row.next(), leased); p < known; ++p) {
    if (!ClaimOne(row, p, &waits)) return;
  }
}

bool Scheduler::ClaimOne(Row& row, int64_t position, bool* waits) {
  const auto p = static_cast<size_t>(position);
  const int32_t id = row.ids()[p];
  if (p == row.lease.slots.size()) {
    const int32_t slot = tree_.Find(row.lease, id);
    if (slot < 0) {
      if (*waits || !HasBudget() || !TakeSlot(row, id)) return false;
      Claim(row.lease.slots.back());
      AddBatchRow(row, position, row.lease.slots.back());
      return true;
    }
    bool shared = false;
    tree_.Extend(row.lease, id, &shared);
  }
  const int32_t slot = row.lease.slots[p];
  if (ClaimedNow(slot)) {
    *waits = true;
    if (position >= row.next()) wants_logits_[claims_[static_cast<size_t>(slot)].row] = 1;
    return true;
  }
  return position < row.next() || StoredLogits(slot) != nullptr || RunAgain(row, position);
}

/// Marks a slot as the next batch row's; what is kept by slot grows with the slots that are used.
void Scheduler::Claim(int32_t slot) {
  const auto s = static_cast<size_t>(slot);
  if (s >= claims_.size()) {
    claims_.resize(s + 1);
    if (config_.keep_logits) {
      logits_.resize(claims_.size() * static_cast<size_t>(runner_.config().vocab_size));
    } else {
      reruns_.resize(claims_.size());
    }
  }
  claims_[s] = {step_, batch_.ids.size()};
}

/// Runs a stored token again, into a slot of its own, because its logits were not kept.
bool Scheduler::RunAgain(Row& row, int64_t position) {
  const int32_t slot = row.lease.slots[static_cast<size_t>(position)];
  Mark& mark = reruns_[static_cast<size_t>(slot)];
  if (mark.step == step_) return true;
  if (!HasBudget()) return false;
  mark = {step_, batch_.ids.size()};
  AddBatchRow(row, position, static_cast<int32_t>(config_.slots + std::ssize(batch_.ids)));
  return true;
}

/// Extends the lease into a new slot, taken from the youngest rows if there is no other. False
/// when this row is the youngest itself.
bool Scheduler::TakeSlot(Row& row, int32_t id) {
  bool shared = false;
  while (!tree_.Extend(row.lease, id, &shared)) {
    Row* youngest = running_.back();
    if (youngest == &row) return false;
    running_.pop_back();
    Release(*youngest);
    waiting_.push_front(youngest);
  }
  return true;
}

void Scheduler::AddBatchRow(const Row& row, int64_t position, int32_t slot) {
  batch_.ids.push_back(row.ids()[static_cast<size_t>(position)]);
  batch_.positions.push_back(position);
  batch_.row_slots.push_back(slot);
  wants_logits_.push_back(position >= row.next() ? 1 : 0);
}

/// The row's batch rows from `first_row` on are one sequence; tokens that it runs again are read
/// where it has just written them.
void Scheduler::CloseSequence(const Row& row, size_t first_row) {
  const auto begin = static_cast<int64_t>(batch_.context_slots.size());
  const int64_t length = batch_.positions.back() + 1;
  const auto& slots = row.lease.slots;
  batch_.context_slots.insert(batch_.context_slots.end(), slots.begin(), slots.begin() + length);
  for (size_t r = first_row; r < batch_.ids.size(); ++r) {
    batch_.context_slots[static_cast<size_t>(begin + batch_.positions[r])] = batch_.row_slots[r];
  }
  batch_.context_offsets.push_back(begin + length);
  batch_.sequence_offsets.push_back(std::ssize(batch_.ids));
}

const float* Scheduler::StoredLogits(int32_t slot) const {
  const auto s = static_cast<size_t>(slot);
  if (ClaimedNow(slot)) return nullptr;
  if (config_.keep_logits) {
    return logits_.data() + s * static_cast<size_t>(runner_.config().vocab_size);
  }
  if (claims_[s].step == step_ - 1) return row_logits_[claims_[s].row];
  if (reruns_[s].step == step_ - 1) return row_logits_[reruns_[s].row];
  return nullptr;
}

void Scheduler::ChooseLogitRows() {
  if (config_.keep_logits) return;  // none named: all of them
  for (size_t r = 0; r < wants_logits_.size(); ++r) {
    if (wants_logits_[r] != 0) batch_.logit_rows.push_back(static_cast<int64_t>(r));
  }
  // An empty list would mean all rows; one is the fewest.
  if (batch_.logit_rows.empty()) batch_.logit_rows.push_back(0);
}

void Scheduler::RunBatch() {
  ChooseLogitRows();
  const std::vector<const float*>& logits = runner_.Run(batch_);
  computed_tokens_ += batch_.rows();
  ++forwards_;
  if (config_.keep_logits) {
    const auto vocabulary = static_cast<size_t>(runner_.config().vocab_size);
    for (size_t r = 0; r < logits.size(); ++r) {
      const auto slot = static_cast<size_t>(batch_.row_slots[r]);
      std::copy_n(logits[r], vocabulary, logits_.data() + slot * vocabulary);
    }
    return;
  }
  row_logits_.assign(batch_.ids.size(), nullptr);
  for (size_t i = 0; i < logits.size(); ++i) {
    row_logits_[static_cast<size_t>(batch_.logit_rows[i])] = logits[i];
  }
}

}  // namespace retort
