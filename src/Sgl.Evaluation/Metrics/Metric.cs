namespace Sgl.Evaluation;

/// <summary>One answered question with its score, as an aggregate needs it.</summary>
/// <param name="Id">Identifier within the benchmark.</param>
/// <param name="Kind">Sub-task, split or question kind; null where the benchmark has none.</param>
/// <param name="Group">Questions that are judged together (MME image pairs, MMBench rotations); null: each on its own.</param>
/// <param name="Score">0 to 1.</param>
public sealed record ScoredQuestion(string Id, string? Kind, string? Group, double Score);

/// <summary>How a benchmark turns answers into a number, with the quirks of the code that made the published numbers.</summary>
public abstract class Metric
{
    private protected Metric(string name) => Name = name;

    /// <summary>The name by which <see cref="Named"/> finds it.</summary>
    public string Name { get; }

    /// <summary>All metrics.</summary>
    public static IReadOnlyList<Metric> All { get; } =
    [
        new VqaAccuracy(), new RelaxedAccuracy(), new Anls(), new ExactMatch(), new GqaMatch(), new SeedLetter(),
        new MMBenchLetter(), new MmeScore(), new BoxAccuracy(), new SyntheticScore(), new JudgedElsewhere(),
    ];

    /// <summary>Finds a metric.</summary>
    /// <exception cref="EvaluationException">There is none of that name; the message lists those there are.</exception>
    public static Metric Named(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new EvaluationException($"unknown metric '{name}'; known are {string.Join(", ", All.Select(m => m.Name))}");

    /// <summary>
    /// The score of one answer, 0 to 1, or null where it cannot be given here (no public answer, or an external judge is needed).
    /// </summary>
    public abstract double? Score(string prediction, ReferenceAnswer reference);

    /// <summary>The benchmark's number, usually a mean in percent. NaN without questions.</summary>
    /// <param name="clusters">Questions by <see cref="ScoredQuestion.Group"/>; a bootstrap sample may hold a cluster twice.</param>
    public virtual double Aggregate(IReadOnlyList<IReadOnlyList<ScoredQuestion>> clusters) => 100 * Mean(clusters);

    /// <summary>Puts the questions of a group together, in order of first appearance.</summary>
    public static IReadOnlyList<IReadOnlyList<ScoredQuestion>> Clusters(IEnumerable<ScoredQuestion> questions)
    {
        ArgumentNullException.ThrowIfNull(questions);
        var clusters = new List<IReadOnlyList<ScoredQuestion>>();
        var groups = new Dictionary<(string?, string), List<ScoredQuestion>>();
        foreach (var question in questions)
        {
            if (question.Group is null)
            {
                clusters.Add([question]);
            }
            else if (groups.TryGetValue((question.Kind, question.Group), out var group))
            {
                group.Add(question);
            }
            else
            {
                groups.Add((question.Kind, question.Group), group = [question]);
                clusters.Add(group);
            }
        }

        return clusters;
    }

    private protected static double Mean(IEnumerable<IReadOnlyList<ScoredQuestion>> clusters)
    {
        var sum = 0.0;
        var count = 0;
        foreach (var cluster in clusters)
        {
            foreach (var question in cluster)
            {
                sum += question.Score;
                count++;
            }
        }

        return sum / count;
    }
}
