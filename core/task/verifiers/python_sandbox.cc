#include "core/task/verifiers/python_sandbox.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "core/base/clock.h"
#include "core/base/env.h"
#include "core/base/error.h"
#include "core/base/subprocess.h"
#include "core/task/verifiers/code_harness.h"

namespace retort {
namespace {

constexpr const char* kTmpBytes = "67108864";
constexpr const char* kNobody = "65534";  // Debian's nobody:nogroup
constexpr int kJudgeProcesses = 3;        // the judge, the solution's server, the program itself
constexpr size_t kMaxReportBytes = 256;

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif
constexpr uint32_t kOtherAbiBit = 0x40000000;  // x32 on x86-64; no system call elsewhere

/// What a test program has no use for, and what memory limits or namespaces do not cover: sockets
/// (vsock is in no namespace), memory that no process's limit counts, other processes' memory.
constexpr std::array kDeniedCalls = {SYS_socket,
                                     SYS_memfd_create,
                                     SYS_shmget,
                                     SYS_shmat,
                                     SYS_msgget,
                                     SYS_semget,
                                     SYS_mq_open,
                                     SYS_ptrace,
                                     SYS_userfaultfd,
                                     SYS_process_vm_readv,
                                     SYS_process_vm_writev,
                                     SYS_bpf,
                                     SYS_add_key,
                                     SYS_perf_event_open,
                                     SYS_request_key,
                                     SYS_keyctl,
                                     SYS_unshare,
                                     SYS_io_uring_setup,
                                     SYS_setns,
                                     SYS_mount,
                                     SYS_umount2,
                                     SYS_pivot_root,
                                     SYS_chroot,
                                     SYS_fsopen,
                                     SYS_open_tree,
                                     SYS_move_mount,
                                     SYS_kcmp,
                                     SYS_pidfd_getfd,
                                     SYS_personality,
                                     SYS_quotactl,
                                     SYS_swapon,
                                     SYS_name_to_handle_at,
                                     SYS_open_by_handle_at};

/// A classic BPF program (bwrap --seccomp): those calls, other architectures and the x32 ABI
/// return EPERM.
std::string SeccompFilter() {
  std::vector<sock_filter> program;
  const auto add = [&](uint32_t code, uint32_t value, uint8_t if_true, uint8_t if_false) {
    program.push_back({static_cast<uint16_t>(code), if_true, if_false, value});
  };
  constexpr auto kDenied = static_cast<uint8_t>(kDeniedCalls.size());
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch), 0, 0);
  add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, kDenied + 3);
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr), 0, 0);
  add(BPF_JMP | BPF_JGE | BPF_K, kOtherAbiBit, kDenied + 1, 0);
  for (uint8_t i = 0; i < kDenied; ++i) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(kDeniedCalls[i]), kDenied - i, 0);
  }
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
  return {reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter)};
}

/// Where PATH has `name`; the child is to have no environment to look it up in. `name` if nowhere.
std::string InPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : Split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    std::string file = JoinPath(folder, name);
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return name;
}

std::vector<std::string> SandboxArguments(const SandboxConfig& config) {
  std::vector<std::string> argv;
  if (geteuid() == 0) {  // RLIMIT_NPROC does not bind root
    argv = {InPath("setpriv"), StrCat("--reuid=", kNobody), StrCat("--regid=", kNobody),
            "--clear-groups", "--"};
  }
  const std::vector<std::string> rest = {InPath("bwrap"),
                                         "--unshare-all",
                                         "--unshare-user",
                                         "--disable-userns",
                                         "--die-with-parent",
                                         "--new-session",
                                         "--as-pid-1",
                                         "--cap-drop",
                                         "ALL",
                                         "--ro-bind",
                                         "/usr",
                                         "/usr",
                                         "--symlink",
                                         "usr/bin",
                                         "/bin",
                                         "--symlink",
                                         "usr/lib",
                                         "/lib",
                                         "--symlink",
                                         "usr/lib64",
                                         "/lib64",
                                         "--proc",
                                         "/proc",
                                         "--dev",
                                         "/dev",
                                         "--remount-ro",
                                         "/dev",
                                         "--size",
                                         kTmpBytes,
                                         "--tmpfs",
                                         "/tmp",
                                         "--remount-ro",
                                         "/",
                                         "--chdir",
                                         "/tmp",
                                         "--seccomp",
                                         "3",
                                         "--",
                                         config.python,
                                         "-I",
                                         "-c",
                                         std::string(kCodeHarness)};
  argv.insert(argv.end(), rest.begin(), rest.end());
  return argv;
}

std::string MakeNonce() {
  std::array<unsigned char, 16> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0) {
    throw Error(ExitCode::kUnavailable, "getentropy failed: no random number for the sandbox");
  }
  std::string nonce;
  for (const unsigned char byte : bytes) {
    std::array<char, 3> text{};
    std::snprintf(text.data(), text.size(), "%02x", byte);
    nonce += text.data();
  }
  return nonce;
}

std::string Message(const Json& json) {
  const std::string body = DumpJson(json);
  std::array<char, 9> size{};
  std::snprintf(size.data(), size.size(), "%08zx", body.size());
  return size.data() + body;
}

Json JobJson(const SandboxConfig& config, const std::string& program, const CodeTests& tests) {
  return {{"program", program},
          {"mode", tests.cases.empty() ? "functions" : "programs"},
          {"cpu_seconds", config.cpu_seconds},
          {"wall_seconds", config.wall_seconds},
          {"memory_bytes", int64_t{config.memory_mib} << 20},
          {"processes", config.processes + kJudgeProcesses}};
}

Json TestsJson(const std::string& nonce, const CodeTests& tests) {
  Json cases = Json::array();
  for (const auto& [input, output] : tests.cases) {
    cases.push_back({{"input", input}, {"output", output}});
  }
  return {{"nonce", nonce},       {"prefix", tests.prefix},
          {"setup", tests.setup}, {"entry_point", tests.entry_point},
          {"tests", tests.tests}, {"cases", std::move(cases)}};
}

/// What follows `nonce` and a space; "" if the line does not begin with them.
std::string AfterNonce(const Subprocess::Reply& reply, const std::string& nonce) {
  if (reply.end != Subprocess::End::kLine || !reply.line.starts_with(nonce + " ")) return "";
  return reply.line.substr(nonce.size() + 1);
}

SandboxResult ResultOf(const std::string& word) {
  const std::pair<const char*, SandboxResult> words[] = {{"pass", SandboxResult::kPass},
                                                         {"fail", SandboxResult::kFail},
                                                         {"syntax", SandboxResult::kSyntax},
                                                         {"timeout", SandboxResult::kTimeout},
                                                         {"tests", SandboxResult::kBadTests}};
  for (const auto& [name, result] : words) {
    if (word == name) return result;
  }
  return SandboxResult::kBroken;
}

}  // namespace

PythonSandbox::PythonSandbox(SandboxConfig config)
    : config_(std::move(config)),
      argv_(SandboxArguments(config_)),
      seccomp_filter_(SeccompFilter()) {
  const CodeTests tests{.tests = {"assert works(2) == [4]"}};
  std::string trouble;
  SandboxResult result = SandboxResult::kBroken;
  try {
    result = RunOnce("def works(n):\n    return [n + 2]\n", tests, &python_version_, &trouble);
  } catch (const Error& error) {
    trouble = error.what();
  }
  if (result == SandboxResult::kPass) return;
  throw Error(ExitCode::kUnavailable,
              StrCat("no sandbox for model-written code, so none is run: ",
                     trouble.empty() ? "a trial program failed" : trouble,
                     " - needs bwrap (Debian package bubblewrap), ", config_.python,
                     " and user namespaces (sysctl user.max_user_namespaces above 0; where they "
                     "exist, kernel.unprivileged_userns_clone=1 and "
                     "kernel.apparmor_restrict_unprivileged_userns=0)"));
}

SandboxResult PythonSandbox::Run(const std::string& program, const CodeTests& tests,
                                 std::string* trouble) const {
  std::string version;
  try {
    return RunOnce(program, tests, &version, trouble);
  } catch (const Error& error) {
    *trouble = error.what();
    return SandboxResult::kBroken;
  }
}

SandboxResult PythonSandbox::RunOnce(const std::string& program, const CodeTests& tests,
                                     std::string* version, std::string* trouble) const {
  const std::string nonce = MakeNonce();
  const std::string input =
      Message(JobJson(config_, program, tests)) + Message(TestsJson(nonce, tests));
  const double deadline = MonotonicSeconds() + config_.wall_seconds;
  Subprocess child({.argv = argv_, .empty_environment = true, .descriptor3 = seccomp_filter_});
  const std::string ready =
      AfterNonce(child.Exchange(input, kMaxReportBytes, config_.wall_seconds), nonce);
  if (!ready.starts_with("ready ")) {
    *trouble = child.ErrorTail();
    return SandboxResult::kBroken;
  }
  *version = ready.substr(ready.find(' ') + 1);
  const Subprocess::Reply report =
      child.Exchange("", kMaxReportBytes, deadline - MonotonicSeconds());
  if (report.end == Subprocess::End::kTimeout) return SandboxResult::kTimeout;
  const SandboxResult result = ResultOf(AfterNonce(report, nonce));
  if (result == SandboxResult::kBroken) *trouble = "the judge inside it ended without a report";
  return result;
}

}  // namespace retort
