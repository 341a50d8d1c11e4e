#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "core/base/clock.h"
#include "train/batch_gradient.h"
#include "train/fused_ops.h"
#include "train/optimizer.h"
#include "train/train_inputs.h"

namespace retort {
namespace {
void Bench(const ModelConfig& m, int slices, int threads, const std::string& prec, const char* what) {
  auto w = InitWeights(m, {}, Rng::DeriveKey({uint64_t{1}, "i"}));
  std::vector<Example> ex;
  Rng r = Rng::Derive({uint64_t{1}, "x"});
  for (int i = 0; i < 128; i++) {
    Example e;
    e.prompt_ids = {1};
    for (int k = 0; k < 9; k++) e.prompt_ids.push_back(4 + static_cast<int>(r.NextBelow(9)));
    e.prompt_ids.push_back(3);
    for (int k = 0; k < 10; k++) e.completion_ids.push_back(13 + static_cast<int>(r.NextBelow(9)));
    e.completion_ids.push_back(2);
    ex.push_back(e);
  }
  std::vector<const Example*> b;
  for (auto& e : ex) b.push_back(&e);
  auto doc = ConfigDocument::Parse("name: sft", "x", {});
  auto obj = MakeObjective(doc->Root());
  at::set_num_threads(slices > 1 ? 1 : threads);
  ThreadPool pool(slices > 1 ? threads : 1);
  BatchGradient::OpsFactory ops = TrainOps(prec == "composite" ? "float32" : prec, at::kCPU);
  if (prec == "composite") ops = [] { return MakeCompositeOps(); };
  BatchGradient g(w, *obj, ops, slices, pool);
  AdamW opt(g.Parameters());
  double bw = 1e9, bc = 1e9, bo = 1e9, last = 0;
  for (int s = 0; s < 25; s++) {
    double t0 = MonotonicSeconds(), c0 = ProcessCpuSeconds();
    last = g.Compute(b, 1).mean();
    double t1 = MonotonicSeconds(), c1 = ProcessCpuSeconds();
    ClipGradNorm(g.Parameters(), 1.0);
    opt.Step({.lr = 1e-3});
    double c2 = ProcessCpuSeconds();
    bw = std::min(bw, t1 - t0);
    bc = std::min(bc, c1 - c0);
    bo = std::min(bo, c2 - c1);
  }
  printf("%s %s slices %d threads %d: min wall %.1f ms, min cpu %.1f ms, clip+adam cpu %.2f ms, loss %.5f\n", what,
         prec.c_str(), slices, threads, bw * 1e3, bc * 1e3, bo * 1e3, last);
  fflush(stdout);
}
TEST(DISABLED_Bench, Step) {
  ModelConfig m;
  m.vocab_size = 22;
  ModelConfig t = m;
  t.num_hidden_layers = 4;
  t.hidden_size = 128;
  t.num_attention_heads = t.num_key_value_heads = 4;
  t.intermediate_size = 344;
  for (const char* p : {"composite", "float32", "bfloat16"}) {
    for (int s : {1, 2, 4, 8}) Bench(m, s, 1, p, "student");
    for (int s : {1, 2, 4, 8}) Bench(m, s, 2, p, "student");
  }
  Bench(t, 4, 1, "float32", "teacher");
  Bench(t, 4, 2, "float32", "teacher");
  Bench(t, 4, 1, "composite", "teacher");
}
}  // namespace
}  // namespace retort
