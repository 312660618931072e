namespace Sgl.Fuzz.Tests;

/// <summary>The harness finds what is planted, and the same again from its seed.</summary>
public sealed class HarnessTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sgl-fuzz-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("throws", "System.InvalidOperationException: planted")]
    [InlineData("slow", "took ")]
    [InlineData("hangs", "did not end within")]
    [InlineData("greedy", "allocated ")]
    public async Task RunAsync_PlantedFault_FoundKeptAndFoundAgainByItsNumber(string fault, string problem)
    {
        await using var target = new Planted(fault);
        var run = new FuzzRun(target, 7, _folder);

        var finding = (await run.RunAsync(TimeSpan.FromMinutes(1), 0, 40, TextWriter.Null)).Findings[0];
        var again = (await run.RunAsync(TimeSpan.FromMinutes(1), finding.Number, 1, TextWriter.Null)).Findings;

        Assert.Contains(problem, finding.Problem, StringComparison.Ordinal);
        Assert.Equal(finding.Number, Assert.Single(again).Number);
        Assert.NotEmpty(await File.ReadAllBytesAsync(finding.File));
    }

    [Fact]
    public async Task RunAsync_NothingWrong_NothingFoundAndCasesAccepted()
    {
        await using var target = new Planted("nothing");

        var (findings, cases, accepted) = await new FuzzRun(target, 7, _folder).RunAsync(TimeSpan.FromMinutes(1), 0, 200, TextWriter.Null);

        Assert.Empty(findings);
        Assert.Equal((200, 200), (cases, accepted));
    }

    [Fact]
    public void Case_SameSeedAndNumber_SameBytesAndOtherwiseOthers()
    {
        Seed[] corpus = [new("a", [1, 2, 3, 4, 5, 6, 7, 8]), new("b", [.. Enumerable.Repeat((byte)9, 100)])];
        byte[][] Cases(ulong seed) => [.. Enumerable.Range(0, 300).Select(i => new Mutator(corpus, ["token"], seed).Case(i).Bytes)];

        Assert.Equal(Cases(1), Cases(1));
        Assert.NotEqual(Cases(1), Cases(2));
        Assert.True(Cases(1).Select(Convert.ToHexString).Distinct().Count() > 250);
        Assert.Contains(Cases(1), c => c.AsSpan().SequenceEqual(corpus[0].Bytes));
        Assert.All(Cases(1), c => Assert.InRange(c.Length, 0, 1 << 20));
    }

    public static TheoryData<string> Offline =>
        [.. FuzzTargets.All.Select(t => t.Name).Where(n => n.StartsWith("image-", StringComparison.Ordinal) || n is "safetensors" or "config" or "tokenizer" or "template" or "prompt" or "schema")];

    [Theory]
    [MemberData(nameof(Offline))]
    public async Task Seeds_AsTheyAre_AreRunAndMostlyAccepted(string name)
    {
        await using var target = FuzzTargets.All.Single(t => t.Name == name).Create();
        var seeds = await target.OpenAsync();
        var run = new FuzzRun(target, 1, _folder);
        Assert.NotEmpty(seeds);
        foreach (var seed in seeds)
        {
            var (problem, _) = await run.RunOneAsync(seed, seed.Bytes);
            Assert.True(problem is null, $"{seed.Name}: {problem}");
        }
    }

    private sealed class Planted(string fault) : IFuzzTarget
    {
        public string Name => "planted";

        public CaseBounds Bounds => new(TimeSpan.FromSeconds(1), 64 << 20);

        public Task<IReadOnlyList<Seed>> OpenAsync() => Task.FromResult<IReadOnlyList<Seed>>([new("zeros", new byte[32])]);

        public async Task<bool> RunAsync(Seed seed, byte[] bytes)
        {
            if (bytes.Length > 20 && bytes.Any(b => b != 0))
            {
                switch (fault)
                {
                    case "throws":
                        throw new InvalidOperationException("planted");
                    case "slow":
                        await Task.Delay(1200);
                        break;
                    case "hangs":
                        await Task.Delay(TimeSpan.FromSeconds(20));
                        break;
                    case "greedy":
                        GC.KeepAlive(new byte[65 << 20]);
                        break;
                }
            }

            return true;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
