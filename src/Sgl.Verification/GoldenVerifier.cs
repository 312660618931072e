using System.Runtime.CompilerServices;
using Sgl.Verification.Internal;

namespace Sgl.Verification;

/// <summary>
/// Runs a folder of golden cases (<c>checkpoints/NAME</c>, <c>cases/SET/CASE/manifest.json</c> with <c>inputs</c>, <c>small</c> and <c>large</c>
/// safetensors) through the real graph builder, engine, guidance and staged pruning.
/// </summary>
public sealed class GoldenVerifier
{
    private readonly string _folder;
    private readonly IReadOnlyList<GoldenManifest> _cases;

    private GoldenVerifier(string folder, IReadOnlyList<GoldenManifest> cases)
    {
        _folder = folder;
        _cases = cases;
    }

    /// <summary>Number of cases, without those of an <c>images</c> folder.</summary>
    public int Count => _cases.Count;

    /// <summary>Finds and reads every manifest under a folder.</summary>
    /// <exception cref="GoldenDataException">The folder holds no cases, or a manifest cannot be read; the message names the file.</exception>
    public static GoldenVerifier Open(string folder)
    {
        var root = Path.Combine(folder, "cases");
        if (!Directory.Exists(root))
        {
            throw new GoldenDataException($"{folder} has no folder 'cases'");
        }

        var cases = new List<GoldenManifest>();
        foreach (var path in Directory.EnumerateFiles(root, "manifest.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            try
            {
                cases.Add(GoldenManifest.Read(path));
            }
            catch (Exception e) when (e is System.Text.Json.JsonException or KeyNotFoundException or InvalidOperationException)
            {
                throw new GoldenDataException($"{path}: {e.Message}", e);
            }
        }

        return cases.Count > 0 ? new GoldenVerifier(folder, cases) : throw new GoldenDataException($"{root} holds no manifest.json");
    }

    /// <summary>Verifies the cases one by one; where arithmetic is rounded, a last report tells how many choices of all cases agree.</summary>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="Inference.EngineSettingsException">The options do not fit together.</exception>
    public async IAsyncEnumerable<CaseReport> RunAsync(VerificationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        foreach (var report in ImageVerifier.Run(Path.Combine(_folder, "images")))
        {
            yield return report;
        }

        var engines = new EnginePool(Path.Combine(_folder, "checkpoints"), options, _cases);
        await using (engines.ConfigureAwait(false))
        {
            foreach (var manifest in _cases)
            {
                CaseReport report;
                try
                {
                    report = await new CaseVerifier(manifest, engines).RunAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // Whatever a broken case provokes, the cases behind it are still judged.
                    report = new CaseReport(manifest.Name, [], e.Message);
                }

                yield return report;
            }

            if (engines.Agreed is { } agreed)
            {
                yield return agreed;
            }
        }
    }
}
