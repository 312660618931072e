namespace Sgl.Cli.Internal;

/// <summary>A model behind an OpenAI-compatible API in place of a checkpoint folder.</summary>
/// <param name="Endpoint">Base address, e.g. <c>http://vllm:8000/v1</c>.</param>
/// <param name="Model">What the engine calls it.</param>
/// <param name="KeyFile">File with the API key; null: none.</param>
/// <param name="KeyVariable">Environment variable with the API key; null: none.</param>
internal sealed record ForeignEngine(string Endpoint, string Model, string? KeyFile, string? KeyVariable)
{
    /// <summary>Whether what stands for a folder is an address.</summary>
    public static bool Is(string? given) =>
        given is not null && (given.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || given.StartsWith("https://", StringComparison.OrdinalIgnoreCase));

    /// <summary>The engine that an option names; null: it names a folder, or nothing.</summary>
    /// <param name="given">Value of the option.</param>
    /// <param name="role"><c>small</c> or <c>large</c>.</param>
    /// <param name="model">Value of <c>--ROLE-model</c>.</param>
    /// <param name="keyFile">Value of <c>--ROLE-key-file</c>.</param>
    /// <param name="keyVariable">Value of <c>--ROLE-key-variable</c>.</param>
    /// <exception cref="CliException">Something is missing, or belongs to an address.</exception>
    public static ForeignEngine? Of(string? given, string role, string? model, string? keyFile, string? keyVariable)
    {
        if (!Is(given))
        {
            return model is null && keyFile is null && keyVariable is null
                ? null
                : throw new CliException($"--{role}-model, --{role}-key-file and --{role}-key-variable belong to --{role} https://HOST/v1, an engine with an OpenAI-compatible API");
        }

        return model is null
            ? throw new CliException($"--{role} {given}: --{role}-model is missing, the name under which the engine lists its model (GET {given!.TrimEnd('/')}/models)")
            : new ForeignEngine(given!, model, keyFile, keyVariable);
    }

    /// <summary>Settings of the bridge to it.</summary>
    public IEnumerable<KeyValuePair<string, string?>> Settings =>
    [
        new("Bridge:Endpoint", Endpoint), new("Bridge:Model", Model), new("Bridge:KeyFile", KeyFile ?? ""), new("Bridge:KeyVariable", KeyVariable ?? ""),
    ];
}
