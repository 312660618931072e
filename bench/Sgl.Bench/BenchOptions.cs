using System.Globalization;
using Sgl.TestKit;

namespace Sgl.Bench;

/// <summary>The command line.</summary>
internal sealed record BenchOptions
{
    public const string Usage = """
        usage: dotnet run -c Release --project bench/Sgl.Bench -- [demo|1b|2b ...] [options]
          demo             the demo pair in models/
          1b, 2b           language models of InternVL2-1B's and 2B's true shape with random weights (made once in --cache, 1.9 and 4.4 GB)
          --bench NAMES    importance,consistency,pruning,batch,draft (default: these), stall,beside,weights,start,eager,peers,tower,accuracy,reuse
          --visual LIST    visual tokens of the prompts (default: 256 quick, 256,1024,1792 full; demo: real images)
          --rounds N       interleaved rounds (default: 3 quick, 7 full)
          --tokens N       tokens generated (default: 16)
          --full           the long prompts too
          --prepack        let the runtime repack float32 weights
          --weights KIND   auto, float32, int8 or int4 (default: auto)
          --precisions P   of llama.cpp's decoder, and genai for onnxruntime-genai's in 4 bits (default: F16,Q8_0,Q4_0,genai)
          --prepare        no measuring: write the random checkpoints and the peers' files to --cache
          --summary DIR    no measuring: the table of goals and the plots of all results under DIR, into DIR; with --write into README.md and docs/results too
          --compare DIR    no measuring: compare the results in --out with the baselines in DIR; ends with 1 where a figure got worse
          --pieces ...     BenchmarkDotNet over the pieces, with its own options behind
          --cache DIR      where random checkpoints are kept (default: the temporary folder)
          --out DIR        where results are written (default: bench/results)
        """;

    private static readonly string[] AllTargets = ["demo", "1b", "2b"];
    private static readonly string[] AllPrecisions = ["F16", "Q8_0", "Q4_0", PeersBench.GenAi];
    private static readonly string[] AllBenches = ["importance", "consistency", "pruning", "batch", "draft"];
    private static readonly string[] MoreBenches = ["stall", "beside", "weights", "start", "eager", "peers", "tower", "accuracy", "reuse"];

    public IReadOnlyList<string> Targets { get; private init; } = [];

    public IReadOnlyList<string> Benches { get; private init; } = AllBenches;

    public IReadOnlyList<int> Visual { get; private init; } = [];

    public int Rounds { get; private init; }

    public int Tokens { get; private init; } = 16;

    public bool Full { get; private init; }

    public bool Prepack { get; private init; }

    /// <summary>Folder of baselines to compare with; null: measure.</summary>
    public string? Compare { get; private init; }

    /// <summary>Write what the benches need, measure nothing.</summary>
    public bool Prepare { get; private init; }

    /// <summary>Folder of results to make tables and plots of; null: measure.</summary>
    public string? Summary { get; private init; }

    /// <summary>Whether the summary goes into the repository's documents.</summary>
    public bool Write { get; private init; }

    /// <summary>Of llama.cpp's decoder.</summary>
    public IReadOnlyList<string> Precisions { get; private init; } = AllPrecisions;

    public string Weights { get; private init; } = "auto";

    public string Cache { get; private init; } = Path.Combine(Path.GetTempPath(), "sgl-bench");

    public string Out { get; private init; } = Repository.Path("bench", "results");

    public string CommandLine { get; private init; } = "";

    /// <exception cref="UsageException">Something on the command line is not known.</exception>
    public static BenchOptions Parse(string[] args)
    {
        var result = new BenchOptions { CommandLine = "dotnet run -c Release --project bench/Sgl.Bench -- " + string.Join(' ', args) };
        var rest = new Queue<string>(args);
        while (rest.TryDequeue(out var word))
        {
            string Value() => rest.TryDequeue(out var value) ? value : throw new UsageException($"{word} needs a value");
            result = word switch
            {
                "--bench" => result with { Benches = [.. Value().Split(',').Select(b => Known(b, [.. AllBenches, .. MoreBenches]))] },
                "--visual" => result with { Visual = [.. Value().Split(',').Select(Number)] },
                "--rounds" => result with { Rounds = Number(Value()) },
                "--tokens" => result with { Tokens = Number(Value()) },
                "--full" => result with { Full = true },
                "--prepack" => result with { Prepack = true },
                "--weights" => result with { Weights = Known(Value(), ["auto", "float32", "int8", "int4"]) },
                "--precisions" => result with { Precisions = [.. Value().Split(',').Select(p => Known(p, AllPrecisions))] },
                "--prepare" => result with { Prepare = true },
                "--summary" => result with { Summary = Value() },
                "--write" => result with { Write = true },
                "--compare" => result with { Compare = Value() },
                "--cache" => result with { Cache = Value() },
                "--out" => result with { Out = Value() },
                _ => result with { Targets = [.. result.Targets, Known(word, AllTargets)] },
            };
        }

        return result with
        {
            Targets = result.Targets.Count > 0 ? result.Targets : ["demo"],
            Visual = result.Visual.Count > 0 ? result.Visual : result.Full ? [256, 1024, 1792] : [256],
            Rounds = result.Rounds > 0 ? result.Rounds : result.Full ? 7 : 3,
        };
    }

    private static string Known(string name, string[] names) =>
        names.Contains(name) ? name : throw new UsageException($"{name} is not one of {string.Join(", ", names)}");

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0 ? n : throw new UsageException($"{text} is not a positive number");
}
