namespace Sgl.EngineBridge;

/// <summary>The API key: where it comes from, and nothing that could show it.</summary>
internal static class EngineKey
{
    private const int Longest = 8192;

    /// <summary>The key as it is now; null: none is configured.</summary>
    /// <exception cref="EngineKeyException">It cannot be had; the message never holds any of it.</exception>
    public static string? Read(BridgeOptions options)
    {
        if (options.KeyVariable.Length > 0)
        {
            return Checked(Environment.GetEnvironmentVariable(options.KeyVariable) ?? throw new EngineKeyException($"names the environment variable {options.KeyVariable}, which is not set"));
        }

        if (options.KeyFile.Length == 0)
        {
            return null;
        }

        try
        {
            var file = new FileInfo(options.KeyFile);
            return file.Length <= Longest ? Checked(File.ReadAllText(file.FullName)) : throw new EngineKeyException($"is longer than {Longest} bytes, which is no key");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new EngineKeyException($"cannot be read ({e.GetType().Name})");
        }
    }

    private static string Checked(string text)
    {
        var key = text.Trim();
        return key.Length is > 0 and <= Longest && key.All(c => c is > ' ' and <= '~') ? key : throw new EngineKeyException("holds no key: empty, or with blanks or control characters");
    }
}

/// <summary>The key cannot be had.</summary>
internal sealed class EngineKeyException(string message) : Exception(message);
