using Microsoft.Extensions.Options;

namespace Sgl.Hosting;

/// <summary>Collects everything that is wrong with one section of settings: each with its key, what was found, and what to do.</summary>
public sealed class SettingErrors(string section)
{
    private readonly List<string> _errors = [];

    /// <summary>Adds an error.</summary>
    /// <param name="key">Key below the section, e.g. <c>Tls:KeyPath</c>.</param>
    /// <param name="problem">What is wrong, e.g. <c>is 70000</c>.</param>
    /// <param name="remedy">What to do, e.g. <c>use a port from 0 to 65535</c>.</param>
    public void Add(string key, string problem, string remedy) => _errors.Add($"{section}:{key} {problem}; {remedy}.");

    /// <summary>Adds an error unless <paramref name="fine"/>.</summary>
    public void Require(bool fine, string key, string problem, string remedy)
    {
        if (!fine)
        {
            Add(key, problem, remedy);
        }
    }

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsEmpty => _errors.Count == 0;

    /// <summary>The outcome for the options system.</summary>
    public ValidateOptionsResult ToResult() => _errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(_errors);
}
