#include "core/lm/checkpoint/assemble.h"

#include <ATen/ATen.h>

#include <bit>
#include <set>
#include <vector>

#include "core/base/error.h"

namespace retort {
namespace {

constexpr char kHeadName[] = "lm_head.weight";

/// What is wrong with a checkpoint, collected so that one line tells all of it.
class Problems {
 public:
  void Add(const std::string& kind, const std::string& item) { items_[kind].push_back(item); }

  void ThrowIfAny(const WeightsSource& source) const {
    std::vector<std::string> parts;
    for (const auto& [kind, items] : items_) parts.push_back(StrCat(kind, ": ", Shorten(items)));
    if (parts.empty()) return;
    throw Error(ExitCode::kData, StrCat("cannot load the model - ", source.where, " - ",
                                        Join(parts, "; "), " - ", source.remedy));
  }

 private:
  static std::string Shorten(const std::vector<std::string>& items) {
    constexpr size_t kShown = 12;
    if (items.size() <= kShown) return Join(items, ", ");
    const std::vector<std::string> first(items.begin(), items.begin() + kShown);
    return StrCat(Join(first, ", "), " and ", items.size() - kShown, " more");
  }

  std::map<std::string, std::vector<std::string>> items_;
};

std::string ShapeText(at::IntArrayRef shape) {
  std::vector<std::string> sizes;
  for (const int64_t size : shape) sizes.push_back(StrCat(size));
  return StrCat("[", Join(sizes, ","), "]");
}

/// Buffers that old checkpoints carry and that follow from config.json.
bool IsDerivedBuffer(const std::string& name) { return name.ends_with(".rotary_emb.inv_freq"); }

/// Of float32 values; at::isfinite would take twice their memory for a moment.
bool AllFinite(const at::Tensor& tensor) {
  constexpr uint32_t kExponent = 0x7f800000;
  const at::Tensor values = tensor.contiguous();
  const float* data = values.const_data_ptr<float>();
  bool finite = true;
  for (int64_t i = 0; i < values.numel(); ++i) {
    finite &= (std::bit_cast<uint32_t>(data[i]) & kExponent) != kExponent;
  }
  return finite;
}

void TakeTensor(const std::string& name, const at::Tensor& found, at::Tensor* slot,
                Problems* problems) {
  if (found.sizes() != slot->sizes()) {
    problems->Add("misshapen", StrCat(name, " ", ShapeText(found.sizes()), " instead of ",
                                      ShapeText(slot->sizes())));
    return;
  }
  if (!found.is_floating_point()) {
    problems->Add("not floating point", StrCat(name, " ", at::toString(found.scalar_type())));
    return;
  }
  *slot = found.to(at::kFloat);
  if (!AllFinite(*slot)) problems->Add("not finite", name);
}

/// A tied checkpoint may repeat the embedding as its head, if it is the same.
bool IsTiedHead(const std::string& name, const at::Tensor& found, const DecoderWeights& weights) {
  if (name != kHeadName || !weights.config.tie_word_embeddings) return false;
  const at::Tensor& embedding = weights.embedding.weight;
  return !embedding.is_meta() && found.sizes() == embedding.sizes() &&
         at::equal(found.to(at::kFloat), embedding);
}

}  // namespace

DecoderWeights AssembleWeights(const ModelConfig& config,
                               const std::map<std::string, at::Tensor>& found,
                               const WeightsSource& source) {
  DecoderWeights weights = EmptyWeights(config, at::kMeta);
  Problems problems;
  std::set<std::string> known;
  for (auto& [name, slot] : NamedParameters(weights)) {
    known.insert(name);
    const auto it = found.find(name);
    if (it == found.end()) {
      problems.Add("missing", name);
    } else {
      TakeTensor(name, it->second, slot, &problems);
    }
  }
  for (const auto& [name, tensor] : found) {
    if (known.contains(name) || IsDerivedBuffer(name) || IsTiedHead(name, tensor, weights)) {
      continue;
    }
    const bool tied_head = name == kHeadName && config.tie_word_embeddings;
    problems.Add("extra", tied_head ? name + " (differs from the embedding it is tied to)" : name);
  }
  problems.ThrowIfAny(source);
  if (config.tie_word_embeddings) weights.head = weights.embedding;
  return weights;
}

}  // namespace retort
