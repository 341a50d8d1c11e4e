// An Engine decorator that counts what an arm really asked of the model: the strategy interface
// returns trees only. Thread-safe.
#pragma once

#include <mutex>
#include <optional>

#include "core/lm/engine/engine.h"

namespace retort {

class MeteredEngine final : public Engine {
 public:
  /// `inner` must outlive this.
  explicit MeteredEngine(Engine& inner) : inner_(inner) {}

  std::vector<Completion> Generate(std::span<const GenerateRequest> requests) override;
  std::vector<ScoreResult> Score(std::span<const ScoreRequest> requests) override;
  const EngineInfo& Info() const override { return inner_.Info(); }
  EngineStats Stats() const override { return inner_.Stats(); }

  /// Sums since construction or the last StartQuery.
  Usage Total() const;
  int64_t GeneratedRows() const;
  /// Forgets all sums and starts the clock of a query.
  void StartQuery();
  /// Seconds from StartQuery to the first sampled token of the first Generate call; nullopt before
  /// there was one.
  std::optional<double> FirstTokenSeconds() const;

 private:
  void Add(const Usage& usage);

  Engine& inner_;
  mutable std::mutex mutex_;
  Usage total_;
  int64_t generated_rows_ = 0;
  double query_start_s_ = 0;
  std::optional<double> first_token_s_;
};

}  // namespace retort
