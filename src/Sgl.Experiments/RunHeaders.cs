using System.Reflection;
using Sgl.Evaluation;

namespace Sgl.Experiments;

/// <summary>The first line of a result file.</summary>
public static class RunHeaders
{
    /// <summary>Describes a run of this build.</summary>
    /// <param name="subject">The pair.</param>
    /// <param name="command">The command line.</param>
    /// <param name="seed">Seed of whatever is random.</param>
    /// <param name="data">Fingerprint of the data files, see <see cref="DataFingerprint"/>.</param>
    public static RunHeader Of(SubjectDescription subject, string command, ulong seed, string? data = null)
    {
        ArgumentNullException.ThrowIfNull(subject);
        return new RunHeader
        {
            Small = subject.Small,
            Large = subject.Large,
            Data = data,
            SmallWeights = subject.SmallWeights,
            LargeWeights = subject.LargeWeights,
            LargeLayers = subject.LargeLayers,
            Seed = seed,
            Command = command,
            Commit = Build,
            Machine = subject.Machine,
        };
    }

    /// <summary>Version and commit that the program was built from.</summary>
    public static string Build { get; } =
        typeof(RunHeaders).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
