#include "core/task/task.h"

#include "core/base/error.h"

namespace retort {

#define RETORT_TASK(name, factory) std::unique_ptr<Task> factory(ConfigSection section);
#include "core/task/tasks.def"
#undef RETORT_TASK

namespace {

struct TaskEntry {
  const char* name;
  std::unique_ptr<Task> (*make)(ConfigSection section);
};

constexpr TaskEntry kTasks[] = {
#define RETORT_TASK(name, factory) {#name, &(factory)},
#include "core/task/tasks.def"
#undef RETORT_TASK
};

}  // namespace

std::vector<std::string> TaskNames() {
  std::vector<std::string> names;
  for (const TaskEntry& entry : kTasks) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<Task> MakeTask(ConfigSection section) {
  if (!section.Has("name")) {
    section.Fail("name", StrCat("missing; expected one of ", Join(TaskNames(), ", ")));
    return nullptr;
  }
  std::string name;
  section.Choice("name", &name, TaskNames());
  for (const TaskEntry& entry : kTasks) {
    if (name == entry.name) return entry.make(section);
  }
  return nullptr;
}

}  // namespace retort
