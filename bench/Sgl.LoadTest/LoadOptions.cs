using System.Globalization;
using Sgl.TestKit;

namespace Sgl.LoadTest;

/// <summary>The command line.</summary>
internal sealed record LoadOptions
{
    /// <summary>What to run.</summary>
    public required IReadOnlyList<IScenario> Scenarios { get; init; }

    /// <summary>Length of each measured stretch.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Requests in flight, one stretch each, for the scenario <c>concurrency</c>.</summary>
    public IReadOnlyList<int> Concurrency { get; init; } = [1, 8, 32];

    /// <summary>Offered load over the peak, for the scenario <c>overload</c>.</summary>
    public double Factor { get; init; } = 10;

    /// <summary>Cores of the model services, as <c>taskset</c> writes them; null: all. Router and load generator run where this program runs.</summary>
    public string? ModelCores { get; init; }

    /// <summary>Folder of the small model.</summary>
    public string Small { get; init; } = Repository.Path("models", "sgl-demo-small");

    /// <summary>Folder of the large model.</summary>
    public string Large { get; init; } = Repository.Path("models", "sgl-demo-large");

    /// <summary>Folder of the benchmark whose questions are asked.</summary>
    public string Data { get; init; } = Repository.Path("benchmarks", "synthetic");

    /// <summary>Columns and rows of the pictures of the scenarios <c>reuse</c> and <c>reuse-memory</c>; null: the sample's.</summary>
    public (int Columns, int Rows)? Size { get; init; }

    /// <summary>How often the scenario <c>reuse</c> asks its questions.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Where models with random weights are kept, which <c>decode</c> makes: 1.9 GB.</summary>
    public string Cache { get; init; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), "sgl-bench");

    /// <summary>Seed of arrivals and pictures.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Where JSON and Markdown go.</summary>
    public string Output { get; init; } = "out/load";

    /// <summary>Further settings of a service, e.g. <c>large:Engine:MaxBatch=1</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>The command line as it was given.</summary>
    public string Command { get; init; } = "";

    public static string Usage =>
        $"""
        usage: Sgl.LoadTest SCENARIO... [--seconds S] [--concurrency N,N] [--factor F] [--model-cores LIST] [--small DIR] [--large DIR] [--data DIR] [--cache DIR] [--size COLUMNSxROWS] [--rounds N] [--set SERVICE:KEY=VALUE] [--seed N] [--out DIR]
        {string.Join('\n', IScenario.All.Select(s => $"  {s.Name,-12} {s.Summary}"))}
          load         {string.Join(", ", IScenario.Load.Select(s => s.Name))}
          all          all of them
        """;

    /// <exception cref="UsageException">With what is wrong.</exception>
    public static LoadOptions Parse(string[] args)
    {
        var names = new List<string>();
        var settings = new List<string>();
        var options = new LoadOptions { Scenarios = [], Command = string.Join(' ', args) };
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                names.Add(args[i]);
                continue;
            }

            var value = i + 1 < args.Length ? args[++i] : throw new UsageException($"{args[i]} needs a value");
            switch (args[i - 1])
            {
                case "--set":
                    settings.Add(value);
                    break;
                case var key:
                    options = With(options, key, value);
                    break;
            }
        }

        IReadOnlyList<IScenario> scenarios = [.. names.SelectMany(Named)];
        return scenarios.Count == 0 ? throw new UsageException("no scenario was named") : options with { Scenarios = scenarios, Settings = settings };
    }

    private static IEnumerable<IScenario> Named(string name) => name switch
    {
        "all" => IScenario.All,
        "load" => IScenario.Load,
        _ => [IScenario.All.FirstOrDefault(s => s.Name == name) ?? throw new UsageException($"there is no scenario '{name}'")],
    };

    private static LoadOptions With(LoadOptions options, string key, string value) => key switch
    {
        "--seconds" => options with { Duration = TimeSpan.FromSeconds(Number(key, value)) },
        "--concurrency" => options with { Concurrency = [.. value.Split(',').Select(n => (int)Number(key, n))] },
        "--factor" => options with { Factor = Number(key, value) },
        "--model-cores" => options with { ModelCores = value },
        "--small" => options with { Small = value },
        "--large" => options with { Large = value },
        "--data" => options with { Data = value },
        "--size" => options with { Size = Pair(key, value) },
        "--rounds" => options with { Rounds = (int)Number(key, value) },
        "--cache" => options with { Cache = value },
        "--seed" => options with { Seed = (int)Number(key, value) },
        "--out" => options with { Output = value },
        _ => throw new UsageException($"there is no option {key}"),
    };

    private static (int Columns, int Rows) Pair(string key, string value) =>
        value.Split('x') is [var columns, var rows] ? ((int)Number(key, columns), (int)Number(key, rows)) : throw new UsageException($"{key} needs COLUMNSxROWS, not '{value}'");

    private static double Number(string key, string value) =>
        double.TryParse(value, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : throw new UsageException($"{key} needs a number above 0, not '{value}'");
}
