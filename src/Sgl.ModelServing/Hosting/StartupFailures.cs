using Sgl.Hosting;
using Sgl.Inference;
using Sgl.Models;
using Sgl.Text;

namespace Sgl.ModelServing;

/// <summary>Tells an operator why a model could not be loaded.</summary>
internal static class StartupFailures
{
    public static StartupException Explain(Exception exception, string checkpoint) => exception switch
    {
        CheckpointException or TokenizerException => new StartupException(exception.Message, exception),
        EngineSettingsException => new StartupException($"{ModelServingExtensions.EngineSection}: {exception.Message}", exception),
        IOException or UnauthorizedAccessException => new StartupException($"Checkpoint '{checkpoint}' cannot be read: {exception.Message}", exception),

        // What nobody foresaw is shown whole: the stack trace is what its report needs.
        _ => new StartupException($"Checkpoint '{checkpoint}' cannot be loaded: {exception}", exception),
    };
}
