using Sgl.Evaluation;

namespace Sgl.Cli.Evaluation;

/// <summary>Says how far a run is and how long it still takes, from the answers given since it was started.</summary>
/// <param name="alreadyThere">Answers of earlier runs; they come at once and say nothing about the pace.</param>
/// <param name="time">The clock.</param>
internal sealed class EvaluationPace(int alreadyThere, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>One line.</summary>
    public string Describe(EvaluationProgress progress)
    {
        var given = progress.Done - Math.Min(alreadyThere, progress.Done);
        var elapsed = time.GetElapsedTime(_start);
        var left = progress.Done == progress.Total ? $"took {Words(elapsed)}"
            : given == 0 ? "time left not known yet"
            : $"{Rate(given, elapsed)}, {Words((progress.Total - progress.Done) * (elapsed / given))} left";
        var failed = progress.Failed == 0 ? "" : FormattableString.Invariant($", {progress.Failed} failed");
        return FormattableString.Invariant($"{progress.Done} of {progress.Total} answers, {left}{failed}");
    }

    private static string Rate(int given, TimeSpan elapsed)
    {
        var second = given / Math.Max(elapsed.TotalSeconds, 1e-3);
        return second >= 1 ? FormattableString.Invariant($"{second:0.0} a second") : FormattableString.Invariant($"{60 * second:0.0} a minute");
    }

    private static string Words(TimeSpan time) => time switch
    {
        { TotalSeconds: < 90 } => FormattableString.Invariant($"{Math.Ceiling(time.TotalSeconds):0} s"),
        { TotalMinutes: < 90 } => FormattableString.Invariant($"{time.TotalMinutes:0} min"),
        _ => FormattableString.Invariant($"{time.TotalHours:0.0} h"),
    };
}
