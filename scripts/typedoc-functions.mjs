// A plugin of typedoc: an exported function without documentation is a warning. Typedoc's own check of functions asks it
// of every method as well, where a class that overrides another's has nothing to add.
import { Application, ReflectionKind } from "typedoc";

export function load(app) {
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    for (const { signatures = [] } of project.getReflectionsByKind(ReflectionKind.Function)) {
      for (const signature of signatures) {
        if (!signature.hasComment()) app.logger.validationWarning(`${signature.getFullName()} has no documentation`);
      }
    }
  });
}
