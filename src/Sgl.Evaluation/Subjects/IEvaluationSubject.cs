using Sgl.Guidance;

namespace Sgl.Evaluation;

/// <summary>What is evaluated: a pair of models, in this process or behind the services.</summary>
/// <remarks>Calls may overlap. An implementation throws for a question it cannot answer; the runner notes it or stops.</remarks>
public interface IEvaluationSubject
{
    /// <summary>The pair.</summary>
    SubjectDescription Description { get; }

    /// <summary>The small model's answer with its exit scores and importance vectors.</summary>
    /// <param name="question">The question.</param>
    /// <param name="importances">One vector is wanted for each of these, in this order; may be empty.</param>
    /// <param name="cancellation">Stops the work.</param>
    Task<SmallAnswer> AnswerSmallAsync(
        EvaluationQuestion question, IReadOnlyList<ImportanceOptions> importances, CancellationToken cancellation);

    /// <summary>The large model's answer under a method.</summary>
    /// <param name="question">The question.</param>
    /// <param name="index">Place of the question in the benchmark, see <see cref="MethodConfiguration.Mask"/>.</param>
    /// <param name="method">The method.</param>
    /// <param name="importance">The small model's A for <see cref="PruningMethod.Sgp"/>; null for every other method.</param>
    /// <param name="cancellation">Stops the work.</param>
    Task<LargeAnswer> AnswerLargeAsync(
        EvaluationQuestion question, int index, MethodConfiguration method, float[]? importance, CancellationToken cancellation);
}

/// <summary>The pair under test.</summary>
/// <param name="Small">Name of the small model.</param>
/// <param name="Large">Name of the large model.</param>
/// <param name="SmallLayers">L of the small language model.</param>
/// <param name="LargeLayers">L of the large language model.</param>
/// <param name="Machine">Device and machine, for the record.</param>
public sealed record SubjectDescription(string Small, string Large, int SmallLayers, int LargeLayers, string Machine)
{
    /// <summary>Tells these weights of the small model from others of the same name; null where it is not known.</summary>
    public string? SmallWeights { get; init; }

    /// <summary>Tells these weights of the large model from others of the same name; null where it is not known.</summary>
    public string? LargeWeights { get; init; }
}

/// <summary>How long an answer took, in seconds.</summary>
/// <param name="Total">From the image bytes to the last token; for the small model with the consistency pass.</param>
/// <param name="Vision">Preprocessing and vision tower.</param>
/// <param name="Prefill">Prefill of the language model.</param>
/// <param name="Decode">All decode steps.</param>
/// <param name="Consistency">The consistency pass; 0 for the large model.</param>
public sealed record AnswerTimings(double Total, double Vision, double Prefill, double Decode, double Consistency = 0)
{
    /// <summary>Processor time of the whole process, of the same work as the total; null where it is not measured. Of use with one question in flight.</summary>
    public double? Processor { get; init; }
}

/// <summary>The small model's side of a question.</summary>
/// <param name="Text">The answer.</param>
/// <param name="GeneratedTokens">N_G.</param>
/// <param name="VisualTokens">N_I.</param>
/// <param name="Scores">All exit scores.</param>
/// <param name="Importances">As asked for, each of length N_I.</param>
/// <param name="Timings">Seconds; null where work is shared with other answers, so that no time is this one's.</param>
/// <param name="PeakMemoryBytes">Highest memory use seen, or null where it is not measured.</param>
public sealed record SmallAnswer(
    string Text,
    int GeneratedTokens,
    int VisualTokens,
    ExitScoreSet Scores,
    IReadOnlyList<float[]> Importances,
    AnswerTimings? Timings,
    long? PeakMemoryBytes = null);

/// <summary>The large model's side of a question.</summary>
/// <param name="Text">The answer.</param>
/// <param name="GeneratedTokens">Ids generated.</param>
/// <param name="VisualTokens">N_I before pruning.</param>
/// <param name="AverageRetention">Share of visual tokens really present, averaged over the layers.</param>
/// <param name="Timings">Seconds; for the oracle without its first, unpruned run. Null where work is shared with other answers.</param>
/// <param name="PeakMemoryBytes">Highest memory use seen, or null where it is not measured.</param>
public sealed record LargeAnswer(
    string Text,
    int GeneratedTokens,
    int VisualTokens,
    double AverageRetention,
    AnswerTimings? Timings,
    long? PeakMemoryBytes = null)
{
    /// <summary>Tiles of the image; null where it is not told.</summary>
    public int? Tiles { get; init; }

    /// <summary>Tiles that the vision tower ran for.</summary>
    public int? EncodedTiles { get; init; }
}
