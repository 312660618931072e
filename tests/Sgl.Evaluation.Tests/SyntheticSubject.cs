using Sgl.Guidance;

namespace Sgl.Evaluation.Tests;

/// <summary>
/// A pair of models in numbers alone, with behaviour that is known exactly: visual token (number of the question mod 20) holds
/// the answer, the small model's importance points at it, and a mask that drops it makes the large model wrong.
/// </summary>
internal sealed class SyntheticSubject : IEvaluationSubject
{
    public const int Tokens = 20;

    private readonly TaskCompletionSource _enough = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int _calls;
    private int _large;

    public int Calls => _calls;

    /// <summary>Throws for this question, once asked.</summary>
    public string? FailsAt { get; set; }

    /// <summary>Throws after so many calls, as a killed process would stop.</summary>
    public int? StopsAfter { get; set; }

    /// <summary>Large answers come once so many have been asked for.</summary>
    public int LargeAnswersWaitFor { get; init; }

    public SubjectDescription Description { get; } = new("small", "large", 4, 48, "a test");

    public Task<SmallAnswer> AnswerSmallAsync(
        EvaluationQuestion question, IReadOnlyList<ImportanceOptions> importances, CancellationToken cancellation)
    {
        var number = Enter(question);
        var right = number % 3 != 0;
        var sure = right ? 0.9 - (number % 10 * 0.01) : 0.5;
        return Task.FromResult(new SmallAnswer(
            right ? $"A{number}" : "wrong",
            2,
            Tokens,
            new ExitScoreSet(sure, sure, sure, 0.5, 0.5, 0.5, 0.5, sure),
            [.. importances.Select(options => Importance(number, options))],
            new AnswerTimings(0.1, 0.02, 0.05, 0.02, 0.01)));
    }

    public async Task<LargeAnswer> AnswerLargeAsync(
        EvaluationQuestion question, int index, MethodConfiguration method, float[]? importance, CancellationToken cancellation)
    {
        var number = Enter(question);
        if (Interlocked.Increment(ref _large) >= LargeAnswersWaitFor)
        {
            _enough.TrySetResult();
        }

        await _enough.Task;
        var mask = method.Mask(Tokens, importance ?? new float[Tokens], index);
        var right = mask is null || mask[number % Tokens];
        return new LargeAnswer(
            right ? $"A{number}" : "wrong", 2, Tokens, method.AverageRetention(Description.LargeLayers), new AnswerTimings(1, 0.5, 0.4, 0.1), 1000);
    }

    /// <summary>Half the layers see nothing yet.</summary>
    private static float[] Importance(int number, ImportanceOptions options)
    {
        var importance = new float[Tokens];
        importance[number % Tokens] = options.LayerFraction >= 0.7 ? 1 : 0;
        return importance;
    }

    private int Enter(EvaluationQuestion question)
    {
        if (Interlocked.Increment(ref _calls) > StopsAfter)
        {
            throw new OperationCanceledException("killed");
        }

        return question.Id == FailsAt
            ? throw new InvalidOperationException("the image is broken")
            : int.Parse(question.Id, System.Globalization.CultureInfo.InvariantCulture);
    }
}
